"""Takes images out of a batch that can no longer be drawn and that a plan asks for anew.

A recipe names its model's revision, so a model whose files have changed gives other recipes. Those of the former
revision would stay open for ever beside them. An image that is settled stays, and so does what the plan leaves out.

The caller has withdrawn the slices from their queues first: while a worker has one, it is not touched.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, select, update

from db.recipe_rows import RECIPE_COLUMNS, recipe_of, variant_of
from db.removal import delete_unused_recipes, wanted_elsewhere
from db.tables import batches, images, recipes, slices, variants
from db.values import BatchPlan, ImageStatus, SliceRef
from db.walk import images_of, parts
from sdq_core.values.recipes import Recipe
from sdq_core.values.seeds import format_seeds, parse_seeds
from sdq_core.values.variants import RecipeVariant

_IMAGE_COLUMNS = (
    images.c.id,
    images.c.recipe_id,
    images.c.seed,
    images.c.status,
    images.c.slice_id,
)
_DRAWING = str(ImageStatus.DRAWING)

#: What a recipe asks for, whichever files its model had.
_Request = tuple[str | int | float, ...]


@dataclass(kw_only=True)
class Replaced:
    """What was taken out of a batch.

    images: how many.
    entries: content key of a planned recipe -> the number of the entry that it takes the place of.
    open: slices that keep some of their images, of which some are not settled.
    """

    images: int = 0
    entries: dict[str, int] = field(default_factory=dict)
    open: list[SliceRef] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Cut:
    """A slice, and which of its seeds are taken out.

    request: what its recipe asks for.
    settled: how many of those that it keeps are, by status.
    """

    slice_: Row[Any]
    request: _Request
    gone: frozenset[int]
    kept: Sequence[int]
    settled: Counter[str]

    @property
    def is_finished(self) -> bool:
        return self.settled.total() == len(self.kept)


def replaceable(
    connection: Connection, plan: BatchPlan, batch_id: int, outdated: Collection[RecipeVariant]
) -> Iterator[int]:
    """Yield the batch's slices with images of outdated variants that the plan asks for anew."""
    keys = [variant.key for variant in outdated]
    for cut in _cuts(connection, _Asked(plan), batch_id, variants.c.key.in_(keys)):
        yield cut.slice_.id


def replace(
    connection: Connection,
    plan: BatchPlan,
    batch_id: int,
    slice_ids: Iterable[int],
    now: datetime,
) -> Replaced:
    """Take out of some slices what the plan asks for anew; the caller holds the submission lock."""
    replaced = Replaced()
    asked = _Asked(plan)
    entries: dict[int, tuple[int, _Request]] = {}
    closed = 0
    counts: Counter[str] = Counter()
    for some in parts(sorted(slice_ids)):
        cuts = list(_cuts(connection, asked, batch_id, slices.c.id.in_(some)))
        _let_go(connection, batch_id, cuts)
        for cut in cuts:
            replaced.images += len(cut.gone)
            entries[cut.slice_.recipe_id] = cut.slice_.entry, cut.request
            if cut.is_finished:
                closed += 1
                counts += cut.settled
            else:
                variant = variant_of(cut.slice_._mapping)
                ref = SliceRef(id=cut.slice_.id, batch_id=batch_id, variant=variant)
                replaced.open.append(ref)
            _write(connection, cut, now)
    connection.execute(
        update(batches)
        .where(batches.c.id == batch_id)
        .values(
            open_slices=batches.c.open_slices - closed,
            images_total=batches.c.images_total - replaced.images,
            images_done=batches.c.images_done + counts[str(ImageStatus.DONE)],
            images_failed=batches.c.images_failed + counts[str(ImageStatus.FAILED)],
        )
    )
    replaced.entries = _places(connection, plan, batch_id, entries)
    delete_unused_recipes(connection, sorted(entries))
    return replaced


def _cuts(
    connection: Connection, asked: _Asked, batch_id: int, only: ColumnElement[bool]
) -> Iterator[_Cut]:
    """Yield what is to be done to the batch's open slices of which something is taken out."""
    rows = connection.execute(
        select(slices, *RECIPE_COLUMNS)
        .join_from(slices, recipes)
        .join(variants, variants.c.id == recipes.c.variant_id)
        .where(slices.c.batch_id == batch_id, slices.c.finished_at.is_(None), only)
        .order_by(slices.c.entry, slices.c.id)
    ).all()
    for page in parts(rows):
        settled = {
            (image["recipe_id"], image["seed"]): image["status"]
            for image in images_of(connection, page, _IMAGE_COLUMNS)
            if image["status"] != _DRAWING
        }
        for slice_ in page:
            request = _request_of(recipe_of(slice_._mapping))
            seeds = parse_seeds(slice_.seeds)
            gone = frozenset(
                seed
                for seed in seeds
                if (slice_.recipe_id, seed) not in settled and asked.anew(request, seed)
            )
            if gone:
                kept = [seed for seed in seeds if seed not in gone]
                found = (settled.get((slice_.recipe_id, seed)) for seed in kept)
                counts = Counter(status for status in found if status is not None)
                yield _Cut(slice_=slice_, request=request, gone=gone, kept=kept, settled=counts)


class _Asked:
    """Which images a plan asks for."""

    def __init__(self, plan: BatchPlan) -> None:
        self._seeds: dict[_Request, list[Container[int]]] = {}
        sets: dict[int, Container[int]] = {}  # most entries share one sequence of seeds
        for entry in plan.entries:
            seeds = sets.get(id(entry.seeds))
            if seeds is None:
                seeds = entry.seeds if isinstance(entry.seeds, range) else frozenset(entry.seeds)
                sets[id(entry.seeds)] = seeds
            self._seeds.setdefault(_request_of(entry.recipe), []).append(seeds)

    def anew(self, request: _Request, seed: int) -> bool:
        return any(seed in seeds for seeds in self._seeds.get(request, ()))


def _request_of(recipe: Recipe) -> _Request:
    variant = recipe.variant
    return (
        variant.model,
        str(variant.attention_implementation),
        str(variant.compute_unit),
        recipe.prompt,
        recipe.negative_prompt,
        recipe.num_inference_steps,
        float(recipe.guidance_scale),
        str(recipe.scheduler),
        json.dumps(recipe.conditions.to_dict(), sort_keys=True),
    )


def _let_go(connection: Connection, batch_id: int, cuts: Sequence[_Cut]) -> None:
    """Free the images that were tried for what is taken out, for others that ask for them."""
    gone = {(cut.slice_.id, seed) for cut in cuts for seed in cut.gone}
    tried = [
        image
        for image in images_of(connection, [cut.slice_ for cut in cuts], _IMAGE_COLUMNS)
        if image["status"] == _DRAWING and (image["slice_id"], image["seed"]) in gone
    ]
    elsewhere = wanted_elsewhere(connection, batch_id, tried)
    for image in tried:
        of_image = images.c.id == image["id"]
        if (image["recipe_id"], image["seed"]) in elsewhere:
            connection.execute(update(images).where(of_image).values(slice_id=None, engine_id=None))
        else:
            connection.execute(delete(images).where(of_image))


def _write(connection: Connection, cut: _Cut, now: datetime) -> None:
    of_slice = slices.c.id == cut.slice_.id
    if not cut.kept:
        connection.execute(delete(slices).where(of_slice))
        return
    connection.execute(
        update(slices)
        .where(of_slice)
        .values(
            seeds=format_seeds(cut.kept),
            size=len(cut.kept),
            done=cut.settled[str(ImageStatus.DONE)],
            failed=cut.settled[str(ImageStatus.FAILED)],
            finished_at=now if cut.is_finished else None,
        )
    )


def _places(
    connection: Connection,
    plan: BatchPlan,
    batch_id: int,
    entries: dict[int, tuple[int, _Request]],
) -> dict[str, int]:
    """Return the numbers of the entries of which nothing is left, for the recipes that take their places.

    entries: recipe id -> the number of its entry, and what it asks for.
    """
    left = {
        recipe_id
        for some in parts(sorted(entries))
        for recipe_id in connection.scalars(
            select(slices.c.recipe_id).where(
                slices.c.batch_id == batch_id, slices.c.recipe_id.in_(some)
            )
        )
    }
    free: dict[_Request, int] = {}
    for recipe_id, (number, request) in entries.items():
        if recipe_id not in left:
            free[request] = min(number, free.get(request, number))
    return {
        entry.recipe.content_key: free[request]
        for entry in plan.entries
        if (request := _request_of(entry.recipe)) in free
    }
