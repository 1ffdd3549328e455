"""The values of one axis as images bring them: which are the first, in memory for no more than are shown."""

from __future__ import annotations

import math
from bisect import insort
from datetime import datetime

from sdq.sheets.axis import Value

#: Numbers before texts, missing values last; texts in the order in which they came.
Order = tuple[int, float]

#: More values are not counted.
_COUNTED = 10_000


class Places:
    """Keeps the first values of an axis.

    Invariant: a value that is dropped is behind `most` others, and stays there, however many come.
    """

    def __init__(self, most: int, *, numeric: bool = False) -> None:
        """most: how many are kept. numeric: texts that read as numbers are in their order."""
        self._most = most
        self._numeric = numeric
        self._texts = 0
        self._kept: list[tuple[Order, Value]] = []
        self._orders: dict[Value, Order] = {}
        self._seen: set[Value] = set()

    def take(self, value: Value) -> bool:
        """Take a value; return whether it is among the first so far."""
        if len(self._seen) < _COUNTED:
            self._seen.add(value)
        if value in self._orders:
            return True
        order = self._order(value)
        if len(self._kept) == self._most:
            if order > self._kept[-1][0]:
                return False
            del self._orders[self._kept.pop()[1]]
        self._orders[value] = order
        insort(self._kept, (order, value), key=lambda kept: kept[0])
        return True

    def __contains__(self, value: Value) -> bool:
        return value in self._orders

    @property
    def values(self) -> list[Value]:
        """The first values, in their order."""
        return [value for _, value in self._kept]

    @property
    def count(self) -> int:
        """How many values there were; at most 10,000 are counted."""
        return len(self._seen)

    @property
    def count_text(self) -> str:
        """How many there were, in words."""
        return f"{self.count:,}" if self.count < _COUNTED else f"{_COUNTED:,} or more"

    def _order(self, value: Value) -> Order:
        if value is None:
            return 2, 0
        if isinstance(value, datetime):
            return 0, value.timestamp()
        if isinstance(value, int | float):
            return 0, value
        if self._numeric and math.isfinite(number := _number(str(value))):
            return 0, number
        self._texts += 1
        return 1, self._texts


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
