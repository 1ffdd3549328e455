"""The names of a prompt line's options in every dialect: sdq's, AUTOMATIC1111's and kohya's."""

from __future__ import annotations

import re

from producer.reading.characters import DASHES, tidy
from producer.reading.words import did_you_mean
from sdq_core.printable import quote

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
    "variant": "variants",
    "variants": "variants",
    "attention_implementation": "variants",
    "compute_unit": "compute_unit",
    "model": "model",
    "sd_model": "model",
    "width": "width",
    "height": "height",
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
_SUGGESTED = [name for name, field in NAMES.items() if name == field or name in {"variant"}]


def _squeezed(name: str) -> str:
    """Return a name without what programs and people write differently: CFG Scale, cfg-scale, cfgScale."""
    return _BETWEEN_WORDS.sub("", tidy(name).lower())


_BETWEEN_WORDS = re.compile(rf"[\s_{DASHES}-]+")
_SQUEEZED = {_squeezed(name): field for name, field in NAMES.items()}


def field_named(name: str, *, short: bool = False) -> str | None:
    """Return the field that a name stands for, None for an unknown name."""
    key = _squeezed(name)
    return (SHORT_NAMES.get(key) if short else None) or _SQUEEZED.get(key)


def unknown_name(what: str, name: str) -> str:
    """Return the message about an unknown option, column or key."""
    key = name.strip().lower().replace("-", "_")
    near = did_you_mean(key, NAMES, _SUGGESTED)
    return f"unknown {what} {quote(name)}{near}"
