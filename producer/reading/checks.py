"""Checks that prompt files and the command line share."""

from __future__ import annotations

import math
import re

from producer.reading.characters import code_point
from sdq_core.errors import InputError
from sdq_core.values.limits import BAD_CHARACTER, MAX_GUIDANCE_SCALE, MAX_STEPS, MAX_TEXT_CHARS
from sdq_core.values.tidying import INVISIBLE, tidy


def check_steps(steps: int) -> int:
    """Return the number of steps; raise InputError unless it is 1 to `MAX_STEPS`."""
    if not 1 <= steps <= MAX_STEPS:
        raise InputError(f"num_inference_steps is {steps}; use 1 to {MAX_STEPS}")
    return steps


def check_guidance_scale(scale: float) -> float:
    """Return the scale; raise InputError unless it is finite and 0 to `MAX_GUIDANCE_SCALE`."""
    if not (math.isfinite(scale) and 0 <= scale <= MAX_GUIDANCE_SCALE):
        raise InputError(f"guidance_scale is {scale:g}; use 0 to {MAX_GUIDANCE_SCALE:g}")
    return float(scale) + 0.0  # -0.0 is 0.0


def check_strength(strength: float) -> float:
    """Return the strength; raise InputError unless it is over 0 and at most 1."""
    if not 0 < strength <= 1:  # also nan
        raise InputError(f"strength is {strength:g}; use more than 0, and 1 at most")
    return float(strength)


def check_eta(eta: float) -> float:
    """Return the eta; raise InputError unless it is 0 to 1."""
    if not 0 <= eta <= 1:  # also nan
        raise InputError(f"eta is {eta:g}; use 0 to 1")
    return float(eta) + 0.0  # -0.0 is 0.0


def check_picture(path: str) -> str:
    """Return a picture's path as it was given; raise InputError for what is none."""
    if not path.strip():
        raise InputError("a picture has no name")
    if len(path) > MAX_PATH_CHARS or "\0" in path:
        raise InputError("a picture has a name that no file can have")
    return path


def check_quality(quality: int) -> int:
    """Return a file's quality; raise InputError unless it is 1 to 100."""
    if not 1 <= quality <= 100:
        raise InputError(f"quality is {quality}; use 1 to 100")
    return quality


def check_text(name: str, text: str, *, exact: bool = False) -> str:
    """Return the text tidied and without surrounding white space (see `producer.reading.characters`).

    exact: change nothing inside, as in an id that is compared with others; then invisible characters are refused.

    Raise InputError for characters that no text should hold.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise InputError(f"{name} has {len(text):,} characters; the limit is {MAX_TEXT_CHARS:,}")
    text = text.replace("\r\n", "\n") if exact else tidy(text)
    bad = BAD_CHARACTER.search(text) or (None if text.isascii() else _bad(text, exact=exact))
    if bad is not None:
        raise InputError(
            f"{name} contains the character {code_point(bad[0])} at position {bad.start() + 1}; "
            + _REMEDIES.get(bad[0], "remove it")
        )
    return text.strip()


#: More than any system takes.
MAX_PATH_CHARS = 8192

#: Line ends of word processors, the marks of a lost character or picture, and what is no character at all.
_STRAY = re.compile("[\u2028\u2029\ufff9-\ufffc\ufffd\ufffe\uffff]")
_REMEDIES = {
    "\u2028": "make it a line end, or remove it",
    "\u2029": "make it a line end, or remove it",
    "\ufffd": "it stands for one that was lost when the text was saved: write that again",
}


def _bad(text: str, *, exact: bool) -> re.Match[str] | None:
    return _STRAY.search(text) or (INVISIBLE.search(text) if exact else None)
