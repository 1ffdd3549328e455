"""The units of work."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import overload

from db.values.images import ImageStatus
from db.values.json import JSON
from sdq_core.images.filing import Filing
from sdq_core.images.tokens import PathFacts
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import RecipeVariant


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceRef:
    """The part of a slice that is needed to queue it."""

    id: int
    batch_id: int
    variant: RecipeVariant


class SliceRefs(Sequence[SliceRef]):
    """Those of one batch. A submission has up to 400,000, so each is made when it is looked at."""

    def __init__(self, batch_id: int, refs: Iterable[SliceRef] = ()) -> None:
        self._batch_id = batch_id
        self._ids = array("q")
        self._numbers = array("I")
        self._variants: list[RecipeVariant] = []
        self._number_of: dict[RecipeVariant, int] = {}
        for ref in refs:
            self.add(ref.id, ref.variant)

    def add(self, slice_id: int, variant: RecipeVariant) -> None:
        """Add a slice."""
        number = self._number_of.setdefault(variant, len(self._variants))
        if number == len(self._variants):
            self._variants.append(variant)
        self._ids.append(slice_id)
        self._numbers.append(number)

    @overload
    def __getitem__(self, index: int) -> SliceRef: ...

    @overload
    def __getitem__(self, index: slice) -> list[SliceRef]: ...

    def __getitem__(self, index: int | slice) -> SliceRef | list[SliceRef]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return SliceRef(
            id=self._ids[index],
            batch_id=self._batch_id,
            variant=self._variants[self._numbers[index]],
        )

    def __len__(self) -> int:
        return len(self._ids)


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The unit of work: a recipe and at most `slice_size` seeds.

    id: its id in the ledger.
    batch_id, batch_name: its batch.
    wanted: its batch is active and its variant is not paused.
    entry: the number of its entry in the batch, from 1.
    recipe_id, recipe: its recipe.
    seeds: its seeds, in order.
    fields: the user's own fields of its entry.
    created_at, finished_at: UTC; finished_at is None while it is open.
    filing: how its batch's files are named and encoded.
    """

    id: int
    batch_id: int
    batch_name: str
    wanted: bool
    entry: int
    recipe_id: int
    recipe: Recipe
    seeds: tuple[int, ...]
    fields: Mapping[str, JSON]
    created_at: datetime
    finished_at: datetime | None = None
    filing: Filing = field(default_factory=Filing)

    def path_facts(self, seed: int) -> PathFacts:
        """Return what the path of one of its images is made of."""
        return PathFacts(
            batch_name=self.batch_name,
            entry=self.entry,
            seed=seed,
            recipe=self.recipe,
            custom_id=self.fields.get("custom_id"),
            date=self.filing.date,
        )


@dataclass(frozen=True, kw_only=True)
class SliceProgress:
    """The progress of a slice's images, by seed. An untried seed is in none of them.

    settled: seed -> status of the images that are done or failed, whichever batch they were drawn for.
    attempts: seed -> how often it was tried.
    begun: seeds that an engine has begun for this slice, so that a file of theirs may be there without a row.
    """

    settled: Mapping[int, ImageStatus]
    attempts: Mapping[int, int]
    begun: frozenset[int] = frozenset()
