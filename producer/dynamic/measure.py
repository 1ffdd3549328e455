"""What a template would make, known before anything is made: how many prompts, how deep, and how long.

Wildcards that include themselves and templates that would fill the memory are found here, so nothing later has to look
for either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb, factorial
from typing import Protocol

from producer.dynamic.template import Choice, Options, Part, Wildcard, Words
from sdq_core.errors import InputError
from sdq_core.printable import quote
from sdq_core.values.limits import MAX_TEXT_CHARS

#: Counts stop here: more is never drawn.
MANY = 10**18
#: Braces and wildcards inside one another, wildcards in the values of wildcards included.
MAX_NESTING = 50


@dataclass(frozen=True, slots=True)
class Measure:
    """A template's measure.

    prompts: how many there are if all combinations are made, up to `MANY`.
    nesting: how deep choices and wildcards stand inside one another.
    size: characters and parts of the longest prompt.
    """

    prompts: int
    nesting: int
    size: int


class Values(Protocol):
    """Knows the values of wildcards."""

    def of(self, name: str) -> Options:
        """Return a wildcard's values; raise InputError for one that is missing or cannot be read."""


class Measurer:
    """Measures templates; each wildcard once."""

    def __init__(self, wildcards: Values) -> None:
        self._wildcards = wildcards
        self._known: dict[str, tuple[Mapping[int, int], Measure]] = {}
        self._open: list[str] = []
        self._depth = 0

    def measure(self, parts: Sequence[Part]) -> Measure:
        """Measure a template; raise InputError for what can never be made."""
        measure = self._sequence(parts)
        if measure.size > 2 * MAX_TEXT_CHARS:
            raise InputError(f"prompts of more than {MAX_TEXT_CHARS:,} characters would come of it")
        return measure

    def _sequence(self, parts: Sequence[Part]) -> Measure:
        prompts, nesting, size = 1, 0, 0
        for part in parts:
            if isinstance(part, Words):
                size += len(part.text) + 1
                continue
            inner = self._place(part)
            prompts = min(prompts * inner.prompts, MANY)
            nesting = max(nesting, inner.nesting)
            size = min(size + inner.size, MANY)
        return Measure(prompts, nesting, size)

    def _place(self, part: Wildcard | Choice) -> Measure:
        self._depth += 1
        try:
            if self._depth > MAX_NESTING:
                raise InputError(f"choices and wildcards are nested more than {MAX_NESTING} deep")
            lone = lone_wildcard(part)
            if lone is not None:
                counts, option = self._wildcard(lone.name)
            elif isinstance(part, Choice):
                counts, option = self._options(part.options)
        finally:
            self._depth -= 1
        low, high = taken(part, sum(counts.values()))
        if option.nesting > MAX_NESTING:
            raise InputError(f"choices and wildcards are nested more than {MAX_NESTING} deep")
        between = len(part.separator) if isinstance(part, Choice) else 0
        return Measure(_ways(counts, low, high), option.nesting, high * (option.size + between) + 1)

    def _wildcard(self, name: str) -> tuple[Mapping[int, int], Measure]:
        if name not in self._known:
            if name in self._open:
                raise InputError(
                    f"the wildcard {quote(f'__{name}__')} includes itself: "
                    + " > ".join([*self._open[self._open.index(name) :], name])
                )
            self._open.append(name)
            try:
                self._known[name] = self._options(self._wildcards.of(name))
            finally:
                self._open.pop()
        return self._known[name]

    def _options(self, options: Options) -> tuple[Mapping[int, int], Measure]:
        """Return how many options make how many prompts each, and the largest measure of one."""
        counts: dict[int, int] = {}
        nesting, size = 0, 1
        for option in options.each:
            one = self._sequence(option.parts)
            counts[one.prompts] = counts.get(one.prompts, 0) + 1
            nesting, size = max(nesting, one.nesting), max(size, one.size)
        return counts, Measure(1, nesting + 1, size)


def lone_wildcard(part: Wildcard | Choice) -> Wildcard | None:
    """Return a wildcard that stands alone, perhaps as in `{2$$__colors__}`, which takes several of its values."""
    if isinstance(part, Wildcard):
        return part
    options = part.options.each
    if len(options) == 1 and len(options[0].parts) == 1:
        only = options[0].parts[0]
        if isinstance(only, Wildcard):
            return only
    return None


def taken(part: Wildcard | Choice, options: int) -> tuple[int, int]:
    """Return the fewest and the most that are taken of the options there are."""
    if isinstance(part, Wildcard):
        return 1, 1
    return min(part.low, options), min(part.high, options)


def _ways(counts: Mapping[int, int], low: int, high: int) -> int:
    """Count the ways to take low to high different options, in any order, and one prompt of each; up to `MANY`.

    counts: number of prompts of an option -> how many options have it.
    """
    if high <= 1:  # nearly all
        return min((low == 0) + high * sum(one * options for one, options in counts.items()), MANY)
    # ways[n]: without their order, an elementary symmetric polynomial; multiplied out for all equal options at once.
    ways = [1] + [0] * high
    for prompts, options in counts.items():
        some = [comb(options, n) * prompts**n for n in range(min(options, high) + 1)]
        ways = [
            min(sum(ways[n - m] * some[m] for m in range(min(n + 1, len(some)))), MANY)
            for n in range(high + 1)
        ]
    return min(sum(ways[n] * factorial(n) for n in range(low, high + 1)), MANY)
