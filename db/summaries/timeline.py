"""Settled images over time, in steps that grow with the time that they cover, so that there are never many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.summaries.values import Slot

#: Possible steps, s. Each divides the next, so that slots can be merged.
STEPS_S = (
    *(1, 5, 15, 60, 300, 900, 3600, 3 * 3600, 12 * 3600),
    *(days * 86400 for days in (1, 7, 28, 364)),
)

_MOST_SLOTS = 600


@dataclass
class _Counts:
    done: int
    failed: int
    first: datetime
    last: datetime

    def add(self, other: _Counts) -> None:
        self.done += other.done
        self.failed += other.failed
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)


class Timeline:
    """Counts images by steps from `origin`; `step_s` is the step in use."""

    def __init__(self, origin: datetime) -> None:
        self.origin = origin
        self.step_s = STEPS_S[0]
        self._counts: dict[int, _Counts] = {}

    def add(
        self, number: int, step_s: int, *, done: int, failed: int, first: datetime, last: datetime
    ) -> None:
        """Count images of the step with this number from the origin; step_s: the step it was numbered with."""
        new = _Counts(done, failed, first, last)
        self._count(number // (self.step_s // step_s), new)
        while len(self._counts) > _MOST_SLOTS and self.step_s != STEPS_S[-1]:
            longer = STEPS_S[STEPS_S.index(self.step_s) + 1]
            old, self._counts = self._counts, {}
            for index, counts in old.items():
                self._count(index // (longer // self.step_s), counts)
            self.step_s = longer

    def _count(self, index: int, counts: _Counts) -> None:
        if index in self._counts:
            self._counts[index].add(counts)
        else:
            self._counts[index] = counts

    def slots(self) -> Sequence[Slot]:
        """Return the steps that have images, in order."""
        return [
            Slot(
                begin=self.origin + timedelta(seconds=index * self.step_s),
                done=counts.done,
                failed=counts.failed,
                first=counts.first,
                last=counts.last,
            )
            for index, counts in sorted(self._counts.items())
        ]
