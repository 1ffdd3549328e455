"""All that is known of one image, by the ledger or by its own file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from db.known_image import KnownImage
from db.values import EngineRecord, ImageRecord, ImageStatus, Mark
from sdq.views.facts import fact_lines
from sdq.views.status import rfc3339
from sdq.views.words import counted, duration, local_time, size
from sdq_core.images.read import FileRecord
from sdq_core.inputs.formats import MAP_SUFFIX
from sdq_core.values.conditions import Conditions
from sdq_core.values.pixels import crop_text, size_text
from sdq_core.values.quality import Quality
from sdq_core.values.recipes import DEFAULT_RNG, Recipe

_MEASURES = (*Quality.__dataclass_fields__, "near_duplicate_of", "clip_score", "clip_model")


def image_facts(
    image: KnownImage, outputs: Path, file: Path | None = None, *, changed: bool = False
) -> list[str]:
    """Return what the ledger knows of an image, one fact to a line.

    file: the one that was asked about, if any; changed: it is not what was recorded.
    """
    drawn, engine = image.image, image.engine
    own = outputs / drawn.path if drawn else None
    cut = drawn.truncated_tokens if drawn else 0
    return fact_lines(
        [
            ("image", image_name(image)),
            ("status", _status(image)),
            ("file", str(file or own) if file or own else None),
            ("recorded", str(own) if file and own and file != own else None),
            ("changed", "this file is not the recorded one to the byte" if changed else None),
            ("size", size(drawn.size_bytes) if drawn else None),
            *_recipe_facts(image.recipe, image.seed, image.fields.get("pictures")),
            ("cut", f"{cut} tokens of the prompt were not read" if cut else None),
            ("flagged", "by the safety checker" if drawn and drawn.nsfw_flagged else None),
            ("picture", _picture(drawn) if drawn else None),
            ("marked", image.mark),
            ("time", _time(image)),
            *(_engine_facts(engine) if engine else ()),
            *((name, _own(value)) for name, value in image.fields.items() if name != "pictures"),
        ]
    )  # fmt: skip


def image_as_dict(image: KnownImage, outputs: Path) -> dict[str, Any]:
    """Return the same for JSON."""
    drawn, engine = image.image, image.engine
    return {
        "image": image_name(image),
        "batch": image.batch_name,
        "entry": image.entry,
        "seed": image.seed,
        "status": _word(image),
        "attempts": image.attempts,
        "error": image.error,
        "finished_at": rfc3339(image.finished_at),
        "recipe": image.recipe.to_dict(),
        "recipe_key": image.recipe.content_key,
        "fields": dict(image.fields),
        "file": None
        if drawn is None
        else {
            "path": str(outputs / drawn.path),
            "size_bytes": drawn.size_bytes,
            "sha256": drawn.sha256,
            "pixels_sha256": drawn.pixels_sha256,
        },
        "truncated_tokens": drawn and drawn.truncated_tokens,
        "nsfw_flagged": drawn and drawn.nsfw_flagged,
        "concept_scores": drawn and dict(drawn.concept_scores),
        **{str(mark): mark is image.mark for mark in Mark},
        "quality": drawn and {name: getattr(drawn, name) for name in _MEASURES},
        "timings": drawn
        and {name: getattr(drawn, name) for name in vars(drawn) if name.endswith("_ms")},
        "engine": engine
        and {
            **{name: value for name, value in vars(engine).items() if name != "variant"},
            "variant": str(engine.variant),
        },
    }


def record_facts(record: FileRecord, file: Path) -> list[str]:
    """Return what a file records about itself, one fact to a line."""
    provenance = record.provenance
    by = [provenance.get(name) for name in ("pipeline", "runtime", "precision", "chip", "os")]
    return fact_lines(
        [
            ("file", str(file)),
            ("status", "not in this ledger; the file says:"),
            *_recipe_facts(record.recipe, record.seed),
            ("drawn by", ", ".join([record.software, *(word for word in by if isinstance(word, str))])),
        ]
    )  # fmt: skip


def record_as_dict(record: FileRecord, file: Path) -> dict[str, Any]:
    """Return the same for JSON."""
    return {
        "image": None,
        "batch": None,
        "seed": record.seed,
        "status": None,
        "recipe": record.recipe.to_dict(),
        "recipe_key": record.recipe.content_key,
        "file": {"path": str(file)},
        "software": record.software,
        "provenance": record.provenance,
    }


def image_name(image: KnownImage) -> str | None:
    """Return the name by which `sdq show` finds an image; None if no batch asks for it."""
    return image.batch_name and f"{image.batch_name}/{image.entry}/{image.seed}"


def _word(image: KnownImage) -> str:
    return "queued" if image.status is None else str(image.status)


def _status(image: KnownImage) -> str:
    tried = counted(image.attempts, "attempt")
    at = f" {local_time(image.finished_at)}" if image.finished_at else ""
    if image.status is ImageStatus.FAILED:
        return f"failed{at} after {tried}: {image.error}"
    if image.status is ImageStatus.DRAWING:
        failed = f", the last one failed: {image.error}" if image.error else ""
        return f"not done after {tried}{failed}" if image.attempts else "about to be drawn"
    return f"done{at}" if image.status else "not drawn yet"


def _recipe_facts(recipe: Recipe, seed: int, pictures: Any = None) -> list[tuple[str, str | None]]:
    return [
        ("prompt", recipe.prompt),
        ("negative", recipe.negative_prompt),
        ("settings", f"seed {seed}, {recipe.num_inference_steps} steps, guidance scale {recipe.guidance_scale:g}, "
                     f"{recipe.scheduler}, {recipe.width}x{recipe.height}"),
        ("noise", None if recipe.rng is DEFAULT_RNG else f"of {recipe.rng}"),
        ("eta", f"{recipe.conditions.eta:g}" if recipe.conditions.eta else None),
        ("weights", "count in the prompts" if recipe.conditions.weighted else None),
        ("told sizes", _told_sizes(recipe.conditions)),
        ("drawn from", _drawn_from(recipe.conditions, pictures or {})),
        ("follows", recipe.conditions.describe_controlnets((pictures or {}).get("controlnets"))),
        ("maps", _maps(recipe.conditions)),
        ("variant", f"{recipe.variant}, revision {recipe.variant.revision}"),
    ]  # fmt: skip


def _told_sizes(conditions: Conditions) -> str | None:
    told = [
        f"original {size_text(conditions.original_size)}" if conditions.original_size else "",
        f"cropped by {crop_text(conditions.crop)}" if conditions.crop else "",
    ]
    return ", ".join(filter(None, told)) or None


def _drawn_from(conditions: Conditions, names: Mapping[str, Any]) -> str | None:
    def named(field: str, sha256: str) -> str:
        found = f"sha256 {sha256[:12]}"
        return f"{names[field]} ({found})" if field in names else f"a picture of {found}"

    if conditions.init_image is None:
        return None
    return f"{named('init_image', conditions.init_image)}, strength {conditions.strength:g}" + (
        f", where {named('mask', conditions.mask)} is white" if conditions.mask else ""
    )


def _maps(conditions: Conditions) -> str | None:
    """Return where the maps are, in the data folder, that were made of what the ControlNets were given."""
    made = [each.image for each in conditions.controlnets if each.annotator]
    return ", ".join(f"inputs/{sha256[:2]}/{sha256}{MAP_SUFFIX}" for sha256 in made) or None


def _engine_facts(engine: EngineRecord) -> list[tuple[str, str | None]]:
    how = f"{engine.precision}, {engine.pipeline} on {engine.runtime}"
    return [
        ("drawn by", f"{engine.variant}, {how}, worker {engine.worker}"),
        ("machine", f"{engine.host}: {engine.chip}, {engine.os}"),
    ]


def _picture(drawn: ImageRecord) -> str | None:
    if drawn.phash is None:
        return None
    return ", ".join(
        [
            f"brightness {drawn.brightness:.2f}",
            f"contrast {drawn.contrast:.2f}",
            f"sharpness {drawn.sharpness:.0f}",
            f"phash {drawn.phash}",
            *([f"CLIP score {drawn.clip_score:.3f}"] if drawn.clip_score is not None else []),
            *(["one colour only"] if drawn.constant else []),
            *(["looks like another image"] if drawn.near_duplicate_of else []),
        ]
    )


def _time(image: KnownImage) -> str | None:
    drawn = image.image
    if drawn is None:
        return None
    drawing_ms = drawn.text_encode_ms + drawn.denoise_ms + drawn.decode_ms + drawn.safety_ms
    step_ms = drawn.denoise_ms / max(drawn.num_unet_calls, 1)
    return f"{_brief(drawing_ms)} ({counted(drawn.num_unet_calls, 'step')} of {_brief(step_ms)})"


def _brief(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else duration(ms / 1000)


def _own(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
