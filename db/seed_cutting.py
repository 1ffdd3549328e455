"""Cuts an entry's seeds into slices, leaving out those already planned in its batch. Pure: no database.

Invariant: the slices of one recipe in one batch never share a seed, whatever is submitted in whatever order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sdq_core.values.seeds import format_seeds, parse_seeds


@dataclass(frozen=True)
class SeedRun:
    """The seeds of one slice, their number, and the text that stores them."""

    seeds: Sequence[int]
    size: int
    text: str


class SeedCutter:
    """Cuts seeds into runs of at most `slice_size`; growing ones begin with 1, 1, 2, 4, 8 and 16 seeds.

    Ten thousand prompts usually share one range of seeds, so every cut is cached: a million images cost as much as a
    hundred. Planned seeds are passed as the texts of slices, so that they can be part of the cache's key.
    """

    def __init__(self, slice_size: int, *, growing: bool = False) -> None:
        if slice_size < 1:
            raise ValueError(f"slice_size is {slice_size}, but must be at least 1.")
        self._slice_size = slice_size
        self._growing = growing
        self._cuts: dict[tuple[int, tuple[str, ...]], tuple[SeedRun, ...]] = {}
        self._kept: list[Sequence[int]] = []  # so that no id() is used twice
        self._parsed: dict[str, frozenset[int]] = {}

    def cut(self, seeds: Sequence[int], planned: tuple[str, ...] = ()) -> tuple[SeedRun, ...]:
        """Return the seeds that are not in `planned` as runs, each seed once and in order."""
        key = (id(seeds), planned)
        runs = self._cuts.get(key)
        if runs is None:
            runs = self._cuts[key] = self._cut(seeds, planned)
            self._kept.append(seeds)
        return runs

    def _cut(self, seeds: Sequence[int], planned: tuple[str, ...]) -> tuple[SeedRun, ...]:
        known: set[int] = set()
        for text in planned:
            if text not in self._parsed:
                self._parsed[text] = frozenset(parse_seeds(text))
            known |= self._parsed[text]
        if known or not isinstance(seeds, range):
            seeds = tuple(seed for seed in dict.fromkeys(seeds) if seed not in known)
        runs: list[Sequence[int]] = []
        begin = 0
        while begin < len(seeds):
            # So that together they are doubled each time.
            size = min(self._slice_size, max(begin, 1)) if self._growing else self._slice_size
            runs.append(seeds[begin : begin + size])
            begin += size
        return tuple(SeedRun(run, len(run), format_seeds(run)) for run in runs)
