"""How much the images of two sides differ."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low

from sdq.comparing.sides import Candidate, Matched, Side
from sdq.sheets.axis import SETTINGS
from sdq_core.images.fitted import whole_picture
from sdq_core.images.pixels import psnr_db

#: More values of one side are not named.
_NAMED = 4


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two images. psnr_db: infinite for equal pixels; None if one cannot be read or their sizes differ."""

    one: Candidate
    other: Candidate
    psnr_db: float | None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What pairs differ in: a setting or a part of the machine, with the values of each side."""

    name: str
    one: Sequence[str]
    other: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two sides.

    one, other: their names.
    pairs: the least similar first; those that cannot be compared come last.
    alone: how many images of each side have no partner.
    differences: what all or some pairs differ in.
    same: what all images have in common: name and value.
    """

    one: str
    other: str
    pairs: Sequence[Pair]
    alone: tuple[int, int]
    differences: Sequence[Difference]
    same: Mapping[str, str]

    @property
    def measured(self) -> Sequence[float]:
        """The ratios that could be measured, dB, the lowest first."""
        return [pair.psnr_db for pair in self.pairs if pair.psnr_db is not None]

    @property
    def equal(self) -> int:
        """How many pairs have equal pixels."""
        return sum(value == math.inf for value in self.measured)

    @property
    def unmeasured(self) -> int:
        """How many pairs could not be compared."""
        return len(self.pairs) - len(self.measured)

    @property
    def median_db(self) -> float | None:
        """The median, dB, of an even number the lower one; None if nothing was measured."""
        return median_low(self.measured) if self.measured else None

    @property
    def worst_db(self) -> float | None:
        """The lowest ratio, dB; None if nothing was measured."""
        return self.measured[0] if self.measured else None


def compared(
    one: Side,
    other: Side,
    matched: Matched,
    outputs: Path,
    *,
    watch: Callable[[Iterable[Pair]], Iterable[Pair]] = iter,
) -> Comparison:
    """Measure the pairs of two sides. outputs: the output folder. watch: sees each pair when it is measured."""
    measured = watch(
        Pair(one=mine, other=theirs, psnr_db=_psnr(mine, theirs, outputs))
        for mine, theirs in matched.pairs
    )
    # Of equally similar ones, those of the first prompts come first.
    pairs = sorted(measured, key=lambda pair: (pair.psnr_db is None, pair.psnr_db or 0.0))
    differences, same = _differences(matched.pairs)
    return Comparison(
        one=one.name,
        other=other.name,
        pairs=pairs,
        alone=matched.alone,
        differences=differences,
        same=same,
    )


def _psnr(one: Candidate, other: Candidate, outputs: Path) -> float | None:
    if one.pixels_sha256 == other.pixels_sha256:
        return math.inf
    pictures = [whole_picture(outputs / path) for path in (one.path, other.path)]
    mine, theirs = pictures
    if mine is None or theirs is None or mine.size != theirs.size:
        return None
    return psnr_db(mine, theirs)


def _differences(
    pairs: Sequence[tuple[Candidate, Candidate]],
) -> tuple[list[Difference], dict[str, str]]:
    ones: dict[str, dict[str, None]] = {}
    others: dict[str, dict[str, None]] = {}
    differing: set[str] = set()
    for pair in pairs:
        facts = [_facts(image) for image in pair]
        for name in facts[0] | facts[1]:
            values = [fact.get(name, "none") for fact in facts]
            ones.setdefault(name, {})[values[0]] = None
            others.setdefault(name, {})[values[1]] = None
            if values[0] != values[1]:
                differing.add(name)
    differences = [
        Difference(name=name, one=_some(ones[name]), other=_some(others[name]))
        for name in ones
        if name in differing
    ]
    same = {
        name: next(iter(ones[name]))
        for name in ones
        if name not in differing
        and len(ones[name]) == 1
        and ones[name].keys() == others[name].keys()
    }
    return differences, same


def _some(values: Iterable[str]) -> list[str]:
    found = sorted(values)
    more = len(found) - _NAMED
    return [*found[:_NAMED], *([f"{more:,} more"] if more > 0 else [])]


def _facts(image: Candidate) -> dict[str, str]:
    """Return what drew an image, by names as users write them."""
    engine = image.engine
    facts = {
        axis.short: "none"
        if value is None
        else json.dumps(value)
        if isinstance(value, float)
        else str(value)
        for axis, value in zip(SETTINGS, image.settings, strict=True)
    }
    facts |= {
        "revision": image.recipe.variant.revision[:12],
        "precision": engine.precision,
        "pipeline": engine.pipeline,
        "runtime": engine.runtime,
        "machine": engine.host,
        "chip": engine.chip,
        "system": engine.os,
    }
    return facts | {name: str(version) for name, version in sorted(engine.versions.items())}
