"""The names of a prompt line's options in every dialect: sdq's, AUTOMATIC1111's and kohya's."""

from __future__ import annotations

import re

from producer.reading.characters import DASHES
from sdq_core.errors import ALL_KNOWN
from sdq_core.printable import quote
from sdq_core.values.guesses import did_you_mean
from sdq_core.values.tidying import tidy

#: Every accepted name -> its field. Case does not matter, nor does what separates words.
NAMES = {
    "prompt": "prompt",
    "text": "prompt",
    "negative_prompt": "negative_prompt",
    "negative": "negative_prompt",
    "seed": "seed",
    "seeds": "seed",
    "seed_range": "seed",
    "random_seeds": "random_seeds",
    "n_iter": "image_count",
    "num_inference_steps": "num_inference_steps",
    "steps": "num_inference_steps",
    "guidance_scale": "guidance_scale",
    "guidance": "guidance_scale",
    "cfg_scale": "guidance_scale",
    "scheduler": "scheduler",
    "sampler": "scheduler",
    "sampler_name": "scheduler",
    "rng": "rng",
    "eta": "eta",
    "weighted": "weighted",
    "variant": "variants",
    "variants": "variants",
    "attention_implementation": "variants",
    "compute_unit": "compute_unit",
    "model": "model",
    "sd_model": "model",
    "width": "width",
    "height": "height",
    "init_image": "init_image",
    "init_img": "init_image",
    "strength": "strength",
    "denoising_strength": "strength",
    "mask": "mask",
    "mask_image": "mask",
    "original_size": "original_size",
    "crop": "crop",
    "controlnet": "controlnets",
    "controlnets": "controlnets",
    "custom_id": "custom_id",
    "tags": "tags",
    "meta": "meta",
}
#: kohya's one-letter options; only on the lines of a txt file.
SHORT_NAMES = {
    "n": "negative_prompt",
    "w": "width",
    "h": "height",
    "s": "num_inference_steps",
    "d": "seed",
    "l": "guidance_scale",
}
_SUGGESTED = [name for name, field in NAMES.items() if name == field and name != "variants"]
_SUGGESTED.insert(_SUGGESTED.index("compute_unit"), "variant")

#: Options of other tools that sdq does not have -> whose they are, and what to do about them.
_AUTOMATIC1111 = "an option of AUTOMATIC1111's script that sdq does not have; remove it"
_MIDJOURNEY = "an option of Midjourney; remove it"
_INVOKEAI = "an option of InvokeAI that sdq does not have; remove it"
_FOREIGN = {
    **dict.fromkeys(
        ("outpath_samples", "outpath_grids", "prompt_for_display", "styles", "subseed", "subseed_strength",
         "seed_resize_from_h", "seed_resize_from_w", "sampler_index", "restore_faces", "tiling",
         "do_not_save_samples", "do_not_save_grid"),
        _AUTOMATIC1111,
    ),
    "batch_size": "an option of AUTOMATIC1111's script; write --n_iter for more images",
    **dict.fromkeys(
        ("ar", "aspect", "v", "version", "niji", "q", "quality", "stylize", "chaos", "c", "iw", "tile", "weird",
         "stop", "style", "sref", "cref", "cw", "sw", "raw", "turbo", "fast", "relax", "repeat", "r", "p", "profile",
         "uplight", "upbeta", "hd", "video"),
        _MIDJOURNEY,
    ),
    "no": "an option of Midjourney; write --n",
    **dict.fromkeys(
        ("seamless", "hires_fix", "threshold", "perlin", "upscale", "gfpgan_strength",
         "outdir", "variation_amount", "with_variations", "embiggen"),
        _INVOKEAI,
    ),
    "am": "an option of kohya's scripts that sdq does not have; remove it",
}  # fmt: skip


def _squeezed(name: str) -> str:
    """Return a name without what programs and people write differently: CFG Scale, cfg-scale, cfgScale."""
    return _BETWEEN_WORDS.sub("", tidy(name).lower())


_BETWEEN_WORDS = re.compile(rf"[\s_{DASHES}-]+")
_SQUEEZED = {_squeezed(name): field for name, field in NAMES.items()}


def field_named(name: str, *, short: bool = False) -> str | None:
    """Return the field that a name stands for, None for an unknown name."""
    key = _squeezed(name)
    return (SHORT_NAMES.get(key) if short else None) or _SQUEEZED.get(key)


def is_foreign(name: str) -> bool:
    """Tell whether another tool has an option of that name that sdq does not have."""
    return _key(name) in _FOREIGN


def unknown_name(what: str, name: str, *, note: str = "") -> str:
    """Return the message about an unknown option, column or key; note: what else could be done about it."""
    said, note = f"unknown {what} {quote(name)}", f" ({note})" if note else ""
    key = _key(name)
    if key in _FOREIGN:
        return f"{said}, {_FOREIGN[key]}{note}"
    guess = did_you_mean(key, NAMES, _SUGGESTED)
    # The list of all names comes last: it is shown only once.
    return f"{said}{note}{guess}" if guess.startswith(ALL_KNOWN) else f"{said}{guess}{note}"


def _key(name: str) -> str:
    return tidy(name).strip().lstrip("-").lower().replace("-", "_")
