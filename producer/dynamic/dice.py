"""What is chosen at random, the same in every Python.

Seeded with the sha256 of `--dynamic-seed`, the template and the image's seed. Only `random.Random.random` is used: that
is promised to stay as it is, `choice` and `sample` are not.
"""

from __future__ import annotations

import hashlib
import random
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate


class Dice:
    """The throws for one prompt."""

    def __init__(self, seed: int, template: str, image_seed: int) -> None:
        digest = hashlib.sha256(f"{seed}\n{image_seed}\n{template}".encode()).digest()
        self._random = random.Random(int.from_bytes(digest, "big")).random

    def between(self, low: int, high: int) -> int:
        """Return a whole number from low to high."""
        return low + self._below(high - low + 1)

    def take(self, weights: Weights, count: int) -> list[int]:
        """Return the places of `count` different options, in the order they were drawn."""
        if count == 1:
            return [self._one(weights)]
        if weights.equal:
            return self._without_repeats(weights.options, count)
        places = list(range(weights.options))
        left = list(weights.each)
        drawn = []
        for _ in range(count):
            at = self._weighted(list(accumulate(left)))
            drawn.append(places.pop(at))
            left.pop(at)
        return drawn

    def _one(self, weights: Weights) -> int:
        return self._below(weights.options) if weights.equal else self._weighted(weights.up_to)

    def _without_repeats(self, options: int, count: int) -> list[int]:
        """Draw as from a shuffled row, of which only the places that moved are kept."""
        moved: dict[int, int] = {}
        drawn = []
        for last in range(options - 1, options - 1 - count, -1):
            at = self._below(last + 1)
            drawn.append(moved.get(at, at))
            moved[at] = moved.get(last, last)
        return drawn

    def _below(self, limit: int) -> int:
        return int(self._random() * limit)

    def _weighted(self, up_to: Sequence[float]) -> int:
        # Rounding may hit the very end.
        return min(bisect_right(up_to, self._random() * up_to[-1]), len(up_to) - 1)


class Weights:
    """The weights of some options."""

    def __init__(self, each: Sequence[float]) -> None:
        self.options = len(each)
        self.equal = len(set(each)) <= 1
        self.each = each
        self.up_to = [] if self.equal else list(accumulate(each))
