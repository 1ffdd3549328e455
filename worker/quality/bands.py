"""An index of hashes by their bands of 16 bits: which of them are near some of them?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Indices = NDArray[np.intp]

_BANDS = 4
_BAND_BITS = 16
_BUCKETS = 1 << _BAND_BITS

#: Hashes compared at once, which takes some 20 MB.
_AT_ONCE = 1 << 20


class BandIndex:
    """An index of many hashes; it takes 48 bytes for each."""

    def __init__(self, hashes: Hashes, distance: int) -> None:
        """Build the index. hashes: uint64 [n]. distance: bits, 1 to 7."""
        self._hashes = hashes
        self._distance = distance
        # If two hashes differed in more bits of each band than is looked for there, they would differ in more than
        # `distance` bits in all: that is the sum over the bands of one more than these.
        tolerances = [(distance - band) // _BANDS for band in range(_BANDS)]
        self._bands = [
            _Band(hashes, band, tolerance)
            for band, tolerance in enumerate(tolerances)
            if tolerance >= 0
        ]

    def near(self, queries: Indices) -> tuple[int, Indices, Indices]:
        """Return the later hashes that are near the first few of these: how many it was, and the pairs found.

        queries: places of hashes in the index, in order; at least one. The more others share their bands, the fewer
        are answered at once.

        The pairs are two arrays, ordered by the first: the place of one of the queries, and that of a hash behind it
        within the distance. A pair may be there several times.
        """
        ranges = [band.ranges(self._hashes[queries]) for band in self._bands]
        candidates = np.cumsum(np.sum([sizes.sum(axis=1) for _, sizes in ranges], axis=0))
        answered = max(1, int(np.searchsorted(candidates, _AT_ONCE, side="right")))
        found = [
            self._compare(band, queries[:answered], begins[:answered], sizes[:answered])
            for band, (begins, sizes) in zip(self._bands, ranges, strict=True)
        ]
        ones = np.concatenate([one for one, _ in found])
        others = np.concatenate([other for _, other in found])
        order = np.argsort(ones, kind="stable")
        return answered, ones[order], others[order]

    def _compare(
        self, band: _Band, queries: Indices, begins: Indices, sizes: Indices
    ) -> tuple[Indices, Indices]:
        """Return the pairs of a band. begins, sizes: [queries, buckets], the ranges of it to compare with."""
        ends = np.cumsum(sizes.ravel())
        if not len(ends) or not ends[-1]:
            return np.empty(0, np.intp), np.empty(0, np.intp)
        # The ranges one behind the other: where each begins in the band, less what was before it.
        shifts = begins.ravel() - (ends - sizes.ravel())
        slots = np.repeat(shifts, sizes.ravel()) + np.arange(ends[-1])
        ones = np.repeat(queries, sizes.sum(axis=1))
        differing = count_ones(band.hashes[slots] ^ self._hashes[ones])
        hits = np.flatnonzero(differing <= self._distance)
        ones, others = ones[hits], band.members[slots[hits]]
        later = others > ones
        return ones[later], others[later]


class _Band:
    """The hashes ordered by one band: those with the same bits there are side by side."""

    def __init__(self, hashes: Hashes, number: int, tolerance: int) -> None:
        """tolerance: bits of the band in which hashes to compare may differ, 0 or 1."""
        self._shift = np.uint64(number * _BAND_BITS)
        # The band itself, and with each of its bits flipped.
        flips = [0, *(1 << bit for bit in range(_BAND_BITS))] if tolerance else [0]
        self._flips = np.array(flips, dtype=np.uint16)
        values = self._values(hashes)
        members = np.argsort(values, kind="stable")  # a radix sort
        self.hashes: Hashes = hashes[members]
        self.members = members.astype(np.int32)
        counts = np.bincount(values, minlength=_BUCKETS)
        self._starts: Indices = np.concatenate([[0], np.cumsum(counts)])

    def ranges(self, hashes: Hashes) -> tuple[Indices, Indices]:
        """Return where the hashes to compare with are, and how many: [hashes, buckets] each."""
        buckets = self._values(hashes)[:, None] ^ self._flips
        begins = self._starts[buckets]
        return begins, self._starts[buckets.astype(np.intp) + 1] - begins

    def _values(self, hashes: Hashes) -> NDArray[np.uint16]:
        return (hashes >> self._shift).astype(np.uint16)


def count_ones(words: Hashes) -> NDArray[Any]:
    """Return how many bits of each word are set."""
    if hasattr(np, "bitwise_count"):
        return np.asarray(np.bitwise_count(words))
    return count_ones_by_halves(words)  # NumPy 1


def count_ones_by_halves(words: Hashes) -> NDArray[np.uint64]:
    """Do as `count_ones`, for a NumPy that does not know how."""
    one, two, four, last = (np.uint64(shift) for shift in (1, 2, 4, 56))
    words = words - ((words >> one) & np.uint64(0x5555555555555555))
    words = (words & np.uint64(0x3333333333333333)) + (
        (words >> two) & np.uint64(0x3333333333333333)
    )
    words = (words + (words >> four)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (words * np.uint64(0x0101010101010101)) >> last
