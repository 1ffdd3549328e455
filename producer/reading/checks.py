"""Checks that prompt files and the command line share."""

from __future__ import annotations

import math

from sdq_core.errors import InputError
from sdq_core.values.limits import BAD_CHARACTER, MAX_GUIDANCE_SCALE, MAX_STEPS, MAX_TEXT_CHARS


def check_steps(steps: int) -> int:
    """Return the number of steps; raise InputError unless it is 1 to `MAX_STEPS`."""
    if not 1 <= steps <= MAX_STEPS:
        raise InputError(f"num_inference_steps is {steps}; use 1 to {MAX_STEPS}")
    return steps


def check_guidance_scale(scale: float) -> float:
    """Return the scale; raise InputError unless it is finite and 0 to `MAX_GUIDANCE_SCALE`."""
    if not (math.isfinite(scale) and 0 <= scale <= MAX_GUIDANCE_SCALE):
        raise InputError(f"guidance_scale is {scale:g}; use 0 to {MAX_GUIDANCE_SCALE:g}")
    return float(scale)


def check_text(name: str, text: str) -> str:
    """Return the text without surrounding white space; raise InputError for characters that no text should hold."""
    if len(text) > MAX_TEXT_CHARS:
        raise InputError(f"{name} has {len(text):,} characters; the limit is {MAX_TEXT_CHARS:,}")
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    bad = BAD_CHARACTER.search(text)
    if bad is not None:
        raise InputError(
            f"{name} contains the character U+{ord(bad[0]):04X} at position {bad.start() + 1}; "
            "remove it"
        )
    return text.strip()
