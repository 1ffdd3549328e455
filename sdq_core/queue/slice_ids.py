"""A set of slice ids that takes one bit for each: a Python set takes 60 bytes, and there may be 400,000 of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

#: Ids that share one number. Few, so that strange ids from a Redis, far from each other, take little as well.
_TOGETHER = 512


class SliceIds(Set[int]):
    """A set of positive integers, iterated over in ascending order."""

    def __init__(self, ids: Iterable[int] = ()) -> None:
        self._bits: dict[int, int] = {}
        self._count = 0
        for slice_id in ids:
            self.add(slice_id)

    def add(self, slice_id: int) -> None:
        """Add an id."""
        place, bit = divmod(slice_id, _TOGETHER)
        before = self._bits.get(place, 0)
        after = before | 1 << bit
        if after != before:
            self._bits[place] = after
            self._count += 1

    def update(self, ids: Iterable[int]) -> None:
        """Add ids."""
        for slice_id in ids:
            self.add(slice_id)

    def __contains__(self, slice_id: object) -> bool:
        if not isinstance(slice_id, int):
            return False
        place, bit = divmod(slice_id, _TOGETHER)
        return bool(self._bits.get(place, 0) >> bit & 1)

    def __iter__(self) -> Iterator[int]:
        for place in sorted(self._bits):
            bits = self._bits[place]
            first = place * _TOGETHER
            while bits:
                lowest = bits & -bits
                yield first + lowest.bit_length() - 1
                bits ^= lowest

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"SliceIds({list(self)})"
