"""Chooses things at even distances from a stream whose length nobody knows beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

Group = TypeVar("Group")

#: So many times more members are kept than are chosen: then the distances of the chosen differ by an eighth at most.
_KEPT = 16


class EvenSample(Generic[Group]):
    """Keeps every n-th member of the groups that pass by, from the first one on, and chooses `most` of these.

    When too many are kept, every second of them is dropped, and n is doubled. So each stretch of the stream has its
    share, and memory does not grow.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._every = 1
        self._passed = 0
        self._kept: list[tuple[Group, int]] = []

    def pass_by(self, group: Group, size: int) -> None:
        """Let the next group pass, with so many members."""
        first = -self._passed % self._every
        self._kept += [(group, offset) for offset in range(first, size, self._every)]
        self._passed += size
        while len(self._kept) > _KEPT * self._most:
            self._kept = self._kept[::2]
            self._every *= 2

    def chosen(self) -> Sequence[tuple[Group, int]]:
        """Return the chosen members as groups and offsets into them, in their order."""
        have = len(self._kept)
        if have <= self._most:
            return self._kept
        return [self._kept[number * have // self._most] for number in range(self._most)]
