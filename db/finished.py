"""The finished images of a batch: all, those that a condition chooses, or those with certain ids."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, RowMapping, select

from db.columns.column import AskedImages
from db.connection import Database
from db.engines import load_engines
from db.tables import batches, images, slices
from db.values import EngineRecord, FinishedImage, ImageRecord, ImageStatus
from db.walk import images_of, load_recipes, walk_slices
from sdq_core.values.seeds import parse_seeds

if TYPE_CHECKING:
    from db.columns.where import Where
    from db.columns.where.tree import Condition

_IMAGE_FIELDS = tuple(ImageRecord.__dataclass_fields__)


def finished_images(
    database: Database, batch_id: int, where: Where | None = None
) -> Iterator[FinishedImage]:
    """Yield a batch's finished images by entry, slice and seed, reading each page when it is needed.

    where: only those that it chooses.
    """
    return (image for _, image in finished_by_slice(database, batch_id, where))


def finished_by_slice(
    database: Database, batch_id: int, where: Where | None = None
) -> Iterator[tuple[int, FinishedImage]]:
    """Yield the same, each image with the id of the slice that asks for it."""
    known_engines: dict[int, EngineRecord] = {}
    return walk_slices(
        database,
        batch_id,
        lambda connection, page: finished_in(connection, page, known_engines, where),
    )


def finished_in(
    connection: Connection,
    slice_rows: Sequence[Row[Any]],
    known_engines: dict[int, EngineRecord],
    where: Where | None = None,
) -> Iterator[tuple[int, FinishedImage]]:
    """Yield the finished images of some slices of a batch, by slice and seed, each with its slice's id.

    known_engines: grows with those that are met.
    where: only those that it chooses. What slices cannot have any is known before their images are read.
    """
    left = {} if where is None else _left_to_ask(connection, slice_rows, where)
    slice_rows = [slice_ for slice_ in slice_rows if left.get(slice_.id) is not False]
    drawn = {
        (row["recipe_id"], row["seed"]): row
        for row in images_of(connection, slice_rows, images.c)
        if row["status"] == ImageStatus.DONE
    }
    if not drawn:
        return
    made = _Making(connection, slice_rows, drawn.values(), known_engines)
    for slice_ in slice_rows:
        for seed in parse_seeds(slice_.seeds) if slice_.recipe_id in made.recipes else ():
            found = drawn.get((slice_.recipe_id, seed))
            if found is None:
                continue
            image = made.image(slice_, found)
            condition = left.get(slice_.id, True)
            if isinstance(condition, bool) or condition.of(image):
                yield slice_.id, image


def finished_by_id(
    connection: Connection,
    ids: Sequence[tuple[int, int]],
    known_engines: dict[int, EngineRecord],
) -> Iterator[FinishedImage]:
    """Yield finished images by the ids of their slices, all of one batch, and their own, in that order.

    Those that are gone meanwhile are left out. ids: at most `KEYS_AT_ONCE`. known_engines: grows with those that are
    met.
    """
    slice_rows = connection.execute(
        select(slices).where(slices.c.id.in_({slice_id for slice_id, _ in ids}))
    ).all()
    rows = connection.execute(
        select(images).where(
            images.c.id.in_({image_id for _, image_id in ids}),
            images.c.status == str(ImageStatus.DONE),
        )
    ).mappings()
    slice_by_id = {slice_.id: slice_ for slice_ in slice_rows}
    drawn = {row["id"]: row for row in rows}
    if not slice_by_id or not drawn:
        return
    made = _Making(connection, slice_rows, drawn.values(), known_engines)
    for slice_id, image_id in ids:
        if slice_id in slice_by_id and image_id in drawn:
            yield made.image(slice_by_id[slice_id], drawn[image_id])


def _left_to_ask(
    connection: Connection, slice_rows: Sequence[Row[Any]], where: Where
) -> dict[int, bool | Condition]:
    """Return for each slice what is left of a condition when all is known of its images that was asked for."""
    if not slice_rows:
        return {}
    batch_name = _batch_name(connection, slice_rows)
    recipe_by_id = load_recipes(connection, {slice_.recipe_id for slice_ in slice_rows})
    return {
        slice_.id: where.given(
            AskedImages(
                batch_name=batch_name,
                entry=slice_.entry,
                fields=slice_.fields,
                recipe=recipe_by_id[slice_.recipe_id],
            )
        )
        for slice_ in slice_rows
    }


class _Making:
    """Makes images of their rows, with what several of them share."""

    def __init__(
        self,
        connection: Connection,
        slice_rows: Sequence[Row[Any]],
        image_rows: Collection[RowMapping],
        known_engines: dict[int, EngineRecord],
    ) -> None:
        self._batch_name = _batch_name(connection, slice_rows)
        self.recipes = load_recipes(connection, {row["recipe_id"] for row in image_rows})
        if new_engines := {row["engine_id"] for row in image_rows} - known_engines.keys():
            known_engines.update(load_engines(connection, new_engines))
        self._engines = known_engines

    def image(self, slice_: Row[Any], row: RowMapping) -> FinishedImage:
        return FinishedImage(
            id=row["id"],
            batch_name=self._batch_name,
            entry=slice_.entry,
            fields=slice_.fields,
            recipe=self.recipes[row["recipe_id"]],
            seed=row["seed"],
            image=ImageRecord(**{name: row[name] for name in _IMAGE_FIELDS}),
            engine=self._engines[row["engine_id"]],
            attempts=row["attempts"],
            finished_at=row["finished_at"],
        )


def _batch_name(connection: Connection, slice_rows: Sequence[Row[Any]]) -> str:
    batch_id = slice_rows[0].batch_id
    name = connection.scalars(select(batches.c.name).where(batches.c.id == batch_id)).one()
    return str(name)
