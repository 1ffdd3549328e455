"""Which of several images comes first in an order, for images that come in another one."""

from __future__ import annotations

from typing import Any

from db.columns import Sorting
from db.values import FinishedImage

#: Of several images for one tile the one with the lowest is shown.
Rank = tuple[Any, ...]


class _Reversed:
    """A value before which the greater ones come."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Reversed) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(other.value == self.value)

    __hash__ = None  # type: ignore[assignment]


def rank_of(image: FinishedImage, sort: Sorting | None) -> Rank:
    """Return an image's rank, as `Batches.images` sorts, or else by entry and seed."""
    found: list[Any] = []
    for key in sort.keys if sort else ():
        value = key.of(image)
        if value is None:  # last, either way
            found.append((1,))
        else:
            comparable = (isinstance(value, bytes), value)  # texts behind numbers
            found.append((0, _Reversed(comparable) if key.descending else comparable))
    return (*found, image.entry, image.seed)
