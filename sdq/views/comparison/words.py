"""What a comparison's views say in words."""

from __future__ import annotations

import math

from sdq.comparing.comparison import Comparison, Pair


def decibels(value: float | None) -> str:
    """Return a ratio for people. None: it could not be measured."""
    if value is None:
        return "not comparable"
    return "equal" if value == math.inf else f"{value:.1f} dB"


def pairs_of(count: int) -> str:
    """Return a number of pairs."""
    return f"{count:,} pair" if count == 1 else f"{count:,} pairs"


def place_of(pair: Pair) -> str:
    """Return where the images of a pair are, as `sdq show` takes it; once if both are in the same place."""
    one, other = (
        f"{image.batch_name}/{image.entry}/{image.seed}" for image in (pair.one, pair.other)
    )
    return one if one == other else f"{one} and {other}"


def without_partner(comparison: Comparison) -> str | None:
    """Return what has no partner, None if everything has one."""
    names = (comparison.one, comparison.other)
    found = [
        f"{count:,} of {name}" for count, name in zip(comparison.alone, names, strict=True) if count
    ]
    return " and ".join(found) or None
