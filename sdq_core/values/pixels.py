"""Sizes and places in a picture as users write them: `1024x768`, `0,16`."""

from __future__ import annotations

import re

from sdq_core.errors import InputError
from sdq_core.values.limits import MAX_SIDE

Pair = tuple[int, int]

_SIZE = re.compile(r"\s*([0-9]{1,6})\s*[x\u00d7]\s*([0-9]{1,6})\s*", re.IGNORECASE)
_CROP = re.compile(r"\s*([0-9]{1,6})\s*,\s*([0-9]{1,6})\s*")


def parse_size(written: str) -> Pair:
    """Return width and height in pixels; raise InputError, a clause, for what is no size."""
    match = _SIZE.fullmatch(written)
    if match is None or not all(1 <= int(side) <= MAX_SIDE for side in match.groups()):
        raise InputError(
            f"original_size is {written[:40]!r}; write width and height of 1 to {MAX_SIDE} pixels as 1024x768"
        )
    return int(match[1]), int(match[2])


def parse_crop(written: str) -> Pair:
    """Return left and top in pixels; raise InputError, a clause, for what is no place."""
    match = _CROP.fullmatch(written)
    if match is None or not all(int(side) <= MAX_SIDE for side in match.groups()):
        raise InputError(
            f"crop is {written[:40]!r}; write left and top of 0 to {MAX_SIDE} pixels as 0,16"
        )
    return int(match[1]), int(match[2])


def size_text(size: Pair | None) -> str | None:
    """Return what `parse_size` reads."""
    return None if size is None else f"{size[0]}x{size[1]}"


def crop_text(crop: Pair | None) -> str | None:
    """Return what `parse_crop` reads."""
    return None if crop is None else f"{crop[0]},{crop[1]}"
