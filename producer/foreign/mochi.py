"""Mochi Diffusion: a caption, in IPTC or what the system makes of it in XMP.

    Include in Image: a cat; Exclude from Image: fog; Model: sd-1.5; Steps: 20; Guidance Scale: 7.5; Seed: 42; ...

Since its metadata version 2 each field has a line, with `\\n` for line ends in it.
https://github.com/MochiDiffusion/MochiDiffusion/blob/main/Mochi%20Diffusion/Support/MetadataCodec.swift
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from producer.foreign.foreign_image import ForeignImage, Lost
from sdq_core.values.rng import Rng

TOOL = "Mochi Diffusion"

_LABELS = (
    "Date", "Model", "Size", "Quality", "Starting Image", "Strength", "ControlNet Image", "Input Images", "Upscaler",
    "Include in Image", "Exclude from Image", "Scheduler", "ML Compute Unit", "Seed", "Steps", "Guidance Scale",
    "Engine", "Model Key", "Generator",
)  # fmt: skip
#: "; " ends a field only where a known label follows: prompts have semicolons, too.
_SEPARATOR = re.compile(rf";\s+(?=(?:{'|'.join(_LABELS)}):)")
_VERSION = re.compile(r"Metadata Version: ([0-9]+)\n")
_ESCAPES = {r"\n": "\n", r"\r": "\r", r"\\": "\\"}
_ESCAPE = re.compile(r"\\[nr\\]")
_LOST = {
    "Starting Image": Lost.FROM_IMAGE,
    "Input Images": Lost.FROM_IMAGE,
    "ControlNet Image": Lost.CONTROL,
    "Upscaler": Lost.SECOND_PASS,
}


def read(texts: Mapping[str, str]) -> ForeignImage | None:
    """Return what Mochi Diffusion wrote, None without it."""
    for name in ("iptc:caption", "xmp:description"):
        caption = texts.get(name, "")
        if "Include in Image:" in caption:
            return _of_caption(caption)
    return None


def _of_caption(caption: str) -> ForeignImage:
    versioned = _VERSION.match(caption)
    fields: dict[str, str] = {}
    for field in caption.split("\n") if versioned else _SEPARATOR.split(caption.strip()):
        label, _, value = field.partition(":")
        value = value.removeprefix(" ")
        if versioned:
            value = _ESCAPE.sub(lambda found: _ESCAPES[found[0]], value)
        fields[label.strip()] = value if versioned else value.strip().rstrip(";")
    width, _, height = fields.get("Size", "").partition("x")
    return ForeignImage(
        tool=TOOL,
        prompt=fields.get("Include in Image", ""),
        negative_prompt=fields.get("Exclude from Image", ""),
        steps=fields.get("Steps"),
        guidance_scale=fields.get("Guidance Scale"),
        sampler=fields.get("Scheduler"),
        seed=fields.get("Seed"),
        model=fields.get("Model"),
        rng=Rng.NUMPY,
        steps_go_on=True,
        width=width or None,
        height=height or None,
        lost={kind: fields[label] for label, kind in _LOST.items() if fields.get(label)},
    )
