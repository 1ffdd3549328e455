"""The units of work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from db.values.images import ImageStatus
from db.values.json import JSON
from sdq_core.images.filing import Filing
from sdq_core.images.tokens import PathFacts
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import RecipeVariant


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceRef:
    """The part of a slice that is needed to queue it. With slots: a submission has up to 400,000."""

    id: int
    batch_id: int
    variant: RecipeVariant


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
