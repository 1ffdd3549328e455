"""Walks through a batch's slices and finished images in the order of planning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, select

from db.connection import Database
from db.engines import load_engines
from db.recipe_rows import RECIPE_COLUMNS, recipe_of
from db.tables import images, recipes, slices, variants
from db.values import EngineRecord, FinishedImage, ImageRecord, ImageStatus
from sdq_core.values.recipes import Recipe
from sdq_core.values.seeds import parse_seeds

Found = TypeVar("Found")

#: Slices read at once: some thousands of images, so that memory stays small however large the batch is.
_SLICES_AT_ONCE = 100

_IMAGE_FIELDS = tuple(ImageRecord.__dataclass_fields__)


def finished_images(database: Database, batch_id: int) -> Iterator[FinishedImage]:
    """Yield a batch's finished images by entry, slice and seed, reading each page when it is needed."""
    known_engines: dict[int, EngineRecord] = {}
    return walk_slices(
        database, batch_id, lambda connection, page: _of_slices(connection, page, known_engines)
    )


def walk_slices(
    database: Database,
    batch_id: int,
    look: Callable[[Connection, Sequence[Row[Any]]], Iterable[Found]],
) -> Iterator[Found]:
    """Yield what `look` returns for each page of a batch's slices, by entry and slice.

    No transaction stays open between pages, so a slow reader blocks nobody. Images drawn in the meantime may appear.
    """
    entry, slice_id = 0, 0
    while True:
        with database.reading() as connection:
            page = connection.execute(
                select(slices)
                .where(
                    slices.c.batch_id == batch_id,
                    (slices.c.entry > entry)
                    | ((slices.c.entry == entry) & (slices.c.id > slice_id)),
                )
                .order_by(slices.c.entry, slices.c.id)
                .limit(_SLICES_AT_ONCE)
            ).all()
            found = list(look(connection, page))
        yield from found
        if len(page) < _SLICES_AT_ONCE:
            return
        entry, slice_id = page[-1].entry, page[-1].id


def _of_slices(
    connection: Connection, slice_rows: Sequence[Row[Any]], known_engines: dict[int, EngineRecord]
) -> Iterator[FinishedImage]:
    recipe_ids = {slice_.recipe_id for slice_ in slice_rows}
    recipe_by_id: dict[int, Recipe] = {
        row["id"]: recipe_of(row)
        for row in connection.execute(
            select(recipes.c.id, *RECIPE_COLUMNS)
            .join_from(recipes, variants)
            .where(recipes.c.id.in_(recipe_ids))
        ).mappings()
    }
    drawn = {
        (row["recipe_id"], row["seed"]): row
        for row in connection.execute(
            select(images).where(
                images.c.recipe_id.in_(recipe_ids), images.c.status == str(ImageStatus.DONE)
            )
        ).mappings()
    }
    if new_engines := {row["engine_id"] for row in drawn.values()} - known_engines.keys():
        known_engines.update(load_engines(connection, new_engines))
    for slice_ in slice_rows:
        for seed in parse_seeds(slice_.seeds):
            found = drawn.get((slice_.recipe_id, seed))
            if found is not None:
                yield FinishedImage(
                    entry=slice_.entry,
                    fields=slice_.fields,
                    recipe=recipe_by_id[slice_.recipe_id],
                    seed=seed,
                    image=ImageRecord(**{name: found[name] for name in _IMAGE_FIELDS}),
                    engine=known_engines[found["engine_id"]],
                    attempts=found["attempts"],
                    finished_at=found["finished_at"],
                )
