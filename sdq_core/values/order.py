"""The order of batches: by priority, then by place; batches that are equal in both take turns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import total_ordering


class Priority(StrEnum):
    """How urgent a batch is."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


_LEVELS = {Priority.LOW: 0, Priority.NORMAL: 1, Priority.HIGH: 2}


@total_ordering
@dataclass(frozen=True, kw_only=True)
class Rank:
    """Where a batch stands: what has the greater rank is drawn first.

    place: 0 for a batch that takes turns. Each that is moved to the front has one of its own, the latest the greatest.
    """

    priority: Priority = Priority.NORMAL
    place: int = 0

    def __lt__(self, other: Rank) -> bool:
        return (_LEVELS[self.priority], self.place) < (_LEVELS[other.priority], other.place)

    def __str__(self) -> str:
        return f"{self.priority} {self.place}"

    @classmethod
    def parse(cls, text: str) -> Rank:
        """Return the rank of ``str(rank)``; raise ValueError for other text."""
        priority, place = text.split(" ")
        return cls(priority=Priority(priority), place=int(place))
