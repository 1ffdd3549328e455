"""Which images of a batch other batches ask for, too, such as those before it; a page of slices at a time.

Invariant: a page costs the same wherever it is in the batch. A prompt may have a million seeds in both batches, so what
is asked for of the page's last recipe is kept for the next page, which often goes on with it: 4 bytes for each seed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from db.tables import slices
from db.walk import parts
from sdq_core.values.seeds import parse_seeds


class AskedBefore:
    """What other batches ask for; others: a condition on their slices."""

    def __init__(self, others: ColumnElement[bool]) -> None:
        self._others = others
        self._recipe_id: int | None = None
        self._seeds = array("I")  # of that recipe, sorted

    def among(
        self, connection: Connection, slice_rows: Sequence[Row[Any]]
    ) -> Collection[tuple[int, int]]:
        """Return those of the images (recipe id, seed) of the batch's next slices that the others ask for."""
        if not slice_rows:
            return ()
        here: defaultdict[int, list[Row[Any]]] = defaultdict(list)
        for slice_ in slice_rows:
            here[slice_.recipe_id].append(slice_)
        found: set[tuple[int, int]] = set()
        if self._recipe_id is not None:
            found.update(_both(self._recipe_id, self._seeds, here.get(self._recipe_id, ())))
        last = slice_rows[-1].recipe_id
        of_last = array("I")
        for some in parts(sorted(here.keys() - {self._recipe_id})):
            for other in connection.execute(
                select(slices.c.recipe_id, slices.c.seeds)
                .where(slices.c.recipe_id.in_(some), self._others)
                .order_by(slices.c.id)
            ):
                seeds = array("I", parse_seeds(other.seeds))
                if other.recipe_id == last:
                    of_last += seeds
                else:
                    found.update(_both(other.recipe_id, sorted(seeds), here[other.recipe_id]))
        if last != self._recipe_id:
            if any(a > b for a, b in pairwise(of_last)):
                of_last = array("I", sorted(of_last))
            self._recipe_id, self._seeds = last, of_last
            found.update(_both(last, self._seeds, here[last]))
        return found


def _both(
    recipe_id: int, seeds: Sequence[int], slice_rows: Sequence[Row[Any]]
) -> Collection[tuple[int, int]]:
    """Return the images of some slices of a recipe whose seeds are among others, which are sorted."""
    if not seeds:
        return ()
    found: list[tuple[int, int]] = []
    for slice_ in slice_rows:
        for seed in parse_seeds(slice_.seeds):
            place = bisect_left(seeds, seed)
            if place < len(seeds) and seeds[place] == seed:
                found.append((recipe_id, seed))
    return found
