"""All columns of a finished image, in the order in which exports write them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter

from db.columns.column import AskedImages, ImageColumn, Kind
from db.values import FinishedImage
from sdq_core.values.pixels import crop_text, size_text
from sdq_core.values.rng import Rng
from sdq_core.values.variants import (
    SAMPLER_NAMES,
    AttentionImplementation,
    ComputeUnit,
    Scheduler,
)


def _asked() -> Iterable[ImageColumn]:
    """What the user asked for."""
    yield _column("batch", Kind.TEXT, "name of the batch", "batch_name", asked=True)
    yield _column(
        "entry", Kind.INTEGER, "number of the prompt in its batch, from 1", "entry", asked=True
    )
    for name, kind, about in (
        ("custom_id", Kind.TEXT, "name that was given to the prompt"),
        ("tags", Kind.LIST, "tags that were given to the prompt"),
        ("meta", Kind.OBJECT, "other fields that were given to the prompt"),
        ("dynamic", Kind.OBJECT, "the template that the prompt was made of, and its choices"),
    ):
        yield ImageColumn(name=name, kind=kind, about=about, of=_field(name), asked=True)


def _recipe() -> Iterable[ImageColumn]:
    """What determines the pixels."""
    for name, kind, about, path in (
        ("prompt", Kind.TEXT, "prompt", "recipe.prompt"),
        ("negative_prompt", Kind.TEXT, "negative prompt", "recipe.negative_prompt"),
        ("num_inference_steps", Kind.INTEGER, "steps", "recipe.num_inference_steps"),
        ("guidance_scale", Kind.NUMBER, "guidance scale", "recipe.guidance_scale"),
        ("scheduler", Kind.TEXT, "scheduler", "recipe.scheduler"),
        ("width", Kind.INTEGER, "width, pixels", "recipe.width"),
        ("height", Kind.INTEGER, "height, pixels", "recipe.height"),
        ("model", Kind.TEXT, "name of the model", "recipe.variant.model"),
        ("revision", Kind.TEXT, "revision of the model", "recipe.variant.revision"),
        ("rng", Kind.TEXT, "what makes noise of the seed", "recipe.rng"),
        ("weighted", Kind.BOOLEAN, "weights in the prompts count", "recipe.conditions.weighted"),
        ("recipe_key", Kind.TEXT, "sha256 of the recipe: equal for equal settings", "recipe.content_key"),
    ):  # fmt: skip
        yield _column(name, kind, about, path, asked=True)
    for name, kind, about, of in (
        ("init_image", Kind.TEXT, "name of the picture that it is drawn from", _picture("init_image")),
        ("init_image_sha256", Kind.TEXT, "sha256 of that picture's file", attrgetter("recipe.conditions.init_image")),
        ("strength", Kind.NUMBER, "how much of it is drawn anew, up to 1", attrgetter("recipe.conditions.strength")),
        ("mask", Kind.TEXT, "name of the picture that says where", _picture("mask")),
        ("mask_sha256", Kind.TEXT, "sha256 of that picture's file", attrgetter("recipe.conditions.mask")),
        ("eta", Kind.NUMBER, "how much noise TCD adds, up to 1",
         lambda image: image.recipe.conditions.eta if image.recipe.scheduler is Scheduler.TCD else None),
        ("original_size", Kind.TEXT, "size that an XL model is told, such as 1024x768",
         lambda image: size_text(image.recipe.conditions.original_size)),
        ("crop", Kind.TEXT, "left and top that an XL model is told, such as 0,16",
         lambda image: crop_text(image.recipe.conditions.crop)),
        ("controlnet", Kind.TEXT, "ControlNets and the names of the pictures that they follow", _controlnets),
    ):  # fmt: skip
        yield ImageColumn(
            name=name,
            kind=kind,
            about=about,
            of=of,
            asked=True,
            of_all=False,
            aliases=_ALIASES.get(name, ()),
        )
    yield _column("seed", Kind.INTEGER, "seed", "seed")


def _drawn() -> Iterable[ImageColumn]:
    """What came of it."""
    for name, kind, about, path in (
        ("path", Kind.TEXT, "file, relative to the outputs", "image.path"),
        ("size_bytes", Kind.INTEGER, "size of the file, bytes", "image.size_bytes"),
        ("sha256", Kind.TEXT, "sha256 of the file", "image.sha256"),
        ("pixels_sha256", Kind.TEXT, "sha256 of the pixels", "image.pixels_sha256"),
        ("finished_at", Kind.TIME, "when it was drawn", "finished_at"),
        ("attempts", Kind.INTEGER, "attempts it took", "attempts"),
        ("truncated_tokens", Kind.INTEGER, "tokens of the prompts that were not read", "image.truncated_tokens"),
        ("nsfw_flagged", Kind.BOOLEAN, "flagged by the safety checker", "image.nsfw_flagged"),
        ("concept_scores", Kind.OBJECT, "the safety checker's score for each concept", "image.concept_scores"),
        ("queue_wait_ms", Kind.NUMBER, "time in the queue, ms", "image.queue_wait_ms"),
        ("text_encode_ms", Kind.NUMBER, "time to encode the prompts, ms", "image.text_encode_ms"),
        ("denoise_ms", Kind.NUMBER, "time in the U-Net, ms", "image.denoise_ms"),
        ("num_unet_calls", Kind.INTEGER, "evaluations of the U-Net", "image.num_unet_calls"),
        ("decode_ms", Kind.NUMBER, "time to decode, ms", "image.decode_ms"),
        ("safety_ms", Kind.NUMBER, "time of the safety checker, ms", "image.safety_ms"),
        ("encode_ms", Kind.NUMBER, "time to encode the file, ms", "image.encode_ms"),
        ("save_ms", Kind.NUMBER, "time to save the file, ms", "image.save_ms"),
        ("id", Kind.INTEGER, "number of the image in the ledger, in the order of first attempts", "id"),
    ):  # fmt: skip
        yield _column(name, kind, about, path)


def _drew() -> Iterable[ImageColumn]:
    """What drew it."""
    for name, kind, about, path in (
        ("attention_implementation", Kind.TEXT, "of the U-Net", "engine.variant.attention_implementation"),
        ("compute_unit", Kind.TEXT, "compute unit", "engine.variant.compute_unit"),
        ("pipeline", Kind.TEXT, "pipeline", "engine.pipeline"),
        ("runtime", Kind.TEXT, "runtime", "engine.runtime"),
        ("precision", Kind.TEXT, "precision of the U-Net's weights", "engine.precision"),
        ("versions", Kind.OBJECT, "versions of the libraries", "engine.versions"),
        ("worker", Kind.TEXT, "name of the worker", "engine.worker"),
        ("host", Kind.TEXT, "name of the machine", "engine.host"),
        ("os", Kind.TEXT, "operating system", "engine.os"),
        ("chip", Kind.TEXT, "processor", "engine.chip"),
    ):  # fmt: skip
        yield _column(name, kind, about, path)


def _quality() -> Iterable[ImageColumn]:
    """How the picture is. Pictures with NaN are no images: they fail."""
    for name, kind, about in (
        ("phash", Kind.TEXT, "perceptual hash as imagehash prints it, 16 hexadecimal digits"),
        ("constant", Kind.BOOLEAN, "one colour, give or take 3 of 255 in each channel"),
        ("brightness", Kind.NUMBER, "mean of the luma, 0 to 1"),
        ("contrast", Kind.NUMBER, "standard deviation of the luma, 0 to 0.5"),
        ("sharpness", Kind.NUMBER, "variance of the Laplacian of the luma (0 to 255), longer side at 256 pixels"),
        ("near_duplicate_of", Kind.INTEGER, "id of the image kept in place of this one, which looks like it"),
    ):  # fmt: skip
        yield _column(name, kind, about, f"image.{name}")
    yield ImageColumn(
        name="nsfw_score",
        kind=Kind.NUMBER,
        about="the highest of the safety checker's scores; above 0 it is flagged",
        of=_highest_score,
    )
    for name, kind, about in (
        (
            "clip_score",
            Kind.NUMBER,
            "how well it shows its prompt: cosine of CLIP's embeddings, -1 to 1",
        ),
        ("clip_model", Kind.TEXT, "model that gave the clip_score, NAME@REVISION"),
    ):
        yield _column(name, kind, about, f"image.{name}")


def _marked() -> Iterable[ImageColumn]:
    """What somebody thinks of it."""
    for name, about in (
        ("favourite", "marked as a favourite"),
        ("rejected", "marked as rejected"),
    ):
        yield _column(name, Kind.BOOLEAN, about, name)


def _highest_score(image: FinishedImage | AskedImages) -> float | None:
    assert isinstance(image, FinishedImage)  # not of what was asked
    return max(image.image.concept_scores.values(), default=None)


#: Names that users write for a column: those of a prompt line's options, and shorter ones.
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "negative_prompt": ("negative",),
    "num_inference_steps": ("steps",),
    "guidance_scale": ("guidance", "cfg_scale"),
    "scheduler": ("sampler", "sampler_name"),
    "model": ("sd_model",),
    "init_image": ("init_img",),
    "strength": ("denoising_strength",),
    "mask": ("mask_image",),
    "nsfw_flagged": ("nsfw",),
    "favourite": ("favorite",),
    "attention_implementation": ("variant",),
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "scheduler": {
        **{scheduler.lower(): str(scheduler) for scheduler in Scheduler},
        **{name.lower(): str(scheduler) for scheduler, name in SAMPLER_NAMES.items()},
    },
    "attention_implementation": {str(word): str(word) for word in AttentionImplementation},
    "rng": {str(rng): str(rng) for rng in Rng},
    "compute_unit": {unit.lower(): str(unit) for unit in ComputeUnit},
}


def _column(name: str, kind: Kind, about: str, path: str, *, asked: bool = False) -> ImageColumn:
    return ImageColumn(
        name=name,
        kind=kind,
        about=about,
        of=attrgetter(path),
        asked=asked,
        aliases=_ALIASES.get(name, ()),
        words=_WORDS.get(name, {}),
    )


def _field(name: str) -> Callable[[FinishedImage | AskedImages], object]:
    return lambda image: image.fields.get(name)


def _picture(field: str) -> Callable[[FinishedImage | AskedImages], object]:
    """Return what gives the name of a picture, or the beginning of its sha256 where it has none."""

    def name(image: FinishedImage | AskedImages) -> object:
        sha256: str | None = getattr(image.recipe.conditions, field)
        if sha256 is None:
            return None
        pictures = image.fields.get("pictures")
        named = pictures.get(field) if isinstance(pictures, Mapping) else None
        return named or f"sha256:{sha256[:12]}"

    return name


def _controlnets(image: FinishedImage | AskedImages) -> str | None:
    pictures = image.fields.get("pictures")
    names = pictures.get("controlnets") if isinstance(pictures, Mapping) else None
    return image.recipe.conditions.describe_controlnets(names if isinstance(names, list) else None)


#: Column by name. New ones come at the end of their group.
COLUMNS: Mapping[str, ImageColumn] = {
    column.name: column
    for group in (_asked, _recipe, _drawn, _drew, _quality, _marked)
    for column in group()
}
