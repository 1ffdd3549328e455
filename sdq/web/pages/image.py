"""An image: the picture, all that is known of it, and what is beside it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from db.known_image import KnownImage
from db.values import ImageRecord, ImageStatus
from sdq.views.words import counted, duration, local_time, milliseconds, size
from sdq.web.asked import in_path
from sdq.web.pages.shown import shown_batch, shown_tile
from sdq.web.pictures import image_address, thumbnail_address
from sdq.web.reading import sources_of
from sdq.web.templates import page
from sdq_core.errors import InputMissingError

#: Seeds shown on each side.
_AROUND = 4

Facts = Sequence[tuple[str, str]]


def image(request: Request) -> Response:
    """Show an image of a batch, drawn or not."""
    sources = sources_of(request)
    batch_id, entry, seed = (in_path(request, name) for name in ("id", "entry", "seed"))
    status = sources.status(batch_id)
    ledger = sources.ledger
    found = ledger.batches.image(batch_id, entry, seed)
    if found is None:
        raise InputMissingError(
            f"Batch {status.name} does not ask for prompt {entry} with seed {seed}."
        )
    beside = ledger.browsing.neighbours(batch_id, entry, seed, _AROUND)
    drawn = found.image
    file = sources.settings.outputs / drawn.path if drawn else None
    reveal = "reveal" in request.query_params
    return page(
        request,
        "image.html",
        {
            "batch": shown_batch(status),
            "entry": entry,
            "seed": seed,
            "image": found,
            "recipe": found.recipe,
            "own": {
                "address": f"/batches/{batch_id}/{entry}/{seed}",
                "seed": seed,
                "mark": found.mark or "",
            },
            "read_only": sources.access.read_only,
            "view": "image",
            "word": "queued" if found.status is None else str(found.status),
            "hidden": bool(drawn and drawn.nsfw_flagged and not reveal),
            "source": image_address(found.id or 0, drawn.sha256, drawn.path) if drawn else None,
            "thumbnail": thumbnail_address(found.id or 0, drawn.pixels_sha256) if drawn else None,
            "file": str(file) if file else None,
            "again": f"sdq rerun {shlex.quote(str(file))}" if file else None,
            "settings": _settings(found),
            "timings": _timings(drawn) if drawn else (),
            "record": record_of(found),
            "fields": [(name, str(value)) for name, value in found.fields.items()],
            "row": [shown_tile(tile, batch_id, found.recipe) for tile in beside.row],
            "left": beside.beside(seed, -1),
            "right": beside.beside(seed, 1),
            "above": beside.above,
            "below": beside.below,
        },
    )


def _settings(found: KnownImage) -> Facts:
    recipe = found.recipe
    return [
        ("Seed", str(found.seed)),
        ("Steps", str(recipe.num_inference_steps)),
        ("Guidance scale", f"{recipe.guidance_scale:g}"),
        ("Scheduler", str(recipe.scheduler)),
        ("Size", f"{recipe.width} × {recipe.height}"),
        ("Model", recipe.variant.model),
        ("Variant", str(recipe.variant)),
    ]


def _timings(drawn: ImageRecord) -> Sequence[tuple[str, str, float]]:
    """Return the parts of its time: name, text, and share of the longest."""
    step_ms = drawn.denoise_ms / max(drawn.num_unet_calls, 1)
    parts = [
        ("Text encoder", drawn.text_encode_ms, ""),
        ("Denoising", drawn.denoise_ms, f" ({drawn.num_unet_calls} × {milliseconds(step_ms)})"),
        ("Decoder", drawn.decode_ms, ""),
        ("Safety checker", drawn.safety_ms, ""),
        ("Encoding", drawn.encode_ms, ""),
        ("Saving", drawn.save_ms, ""),
    ]
    longest = max((ms for _, ms, _ in parts), default=0) or 1
    shown = [
        (name, f"{milliseconds(ms)}{note}", ms / longest) for name, ms, note in parts if ms > 0
    ]
    if drawn.queue_wait_ms:
        shown.append(("Waited", duration(drawn.queue_wait_ms / 1000), 0.0))
    return shown


def record_of(found: KnownImage) -> Facts:
    """Return what is known of a drawn image, but for its timings: name and text."""
    drawn, engine = found.image, found.engine
    facts: list[tuple[str, str | None]] = [
        ("Finished", local_time(found.finished_at) if found.finished_at else None),
        ("Attempts", counted(found.attempts, "attempt") if found.attempts > 1 else None),
        ("Last error", found.error if found.status is not ImageStatus.FAILED else None),
    ]
    if engine:
        facts += [
            ("Drawn by", f"{engine.variant}, {engine.precision}"),
            ("Pipeline", f"{engine.pipeline} on {engine.runtime}"),
            ("Machine", f"{engine.host}: {engine.chip}, {engine.os}"),
            ("Worker", engine.worker),
        ]
    if drawn:
        facts += [
            ("File", f"{size(drawn.size_bytes)}, sha256 {drawn.sha256[:16]}…"),
            ("Prompt cut", _cut(drawn.truncated_tokens)),
            ("Flagged", "by the safety checker" if drawn.nsfw_flagged else None),
            ("Brightness", _number(drawn.brightness)),
            ("Contrast", _number(drawn.contrast)),
            ("Sharpness", _number(drawn.sharpness, 0)),
            ("CLIP score", _number(drawn.clip_score, 3)),
            ("Perceptual hash", drawn.phash),
            ("Looks alike", "another image that is kept" if drawn.near_duplicate_of else None),
        ]
    return [(name, text) for name, text in facts if text]


def _cut(tokens: int) -> str | None:
    return f"{counted(tokens, 'token')} not read" if tokens else None


def _number(value: float | None, decimals: int = 2) -> str | None:
    return None if value is None else f"{value:.{decimals}f}"
