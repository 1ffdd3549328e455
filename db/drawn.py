"""The finished images of a batch: as values, or as the database stores them, for whoever writes a million of them.

A slice's images have most in common: its recipe, the user's fields, and usually the engine. So they come slice by slice
(`DrawnSlice`) with the rows of its images as they are stored: to convert their values and to make objects of them takes
longer than to read them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, Column, Connection, Row, Select, Text, select, type_coerce
from sqlalchemy.types import NULLTYPE

from db.column_types import EPOCH, MILLISECOND, HexDigest, JsonObject, Milliseconds, UtcTime
from db.connection import Database
from db.engines import load_engines
from db.tables import batches, images, slices
from db.values import JSON, EngineRecord, FinishedImage, ImageRecord, ImageStatus
from db.walk import load_recipes, parts, rows_with, tried_seeds, walk_slices
from sdq_core.values.recipes import Recipe
from sdq_core.values.seeds import parse_seeds


class Stored(StrEnum):
    """How a value is stored; None is None everywhere.

    NUMBER, TEXT: as it is.
    BOOLEAN: as a bool, or as 0 and 1.
    DIGEST: as bytes.
    MOMENT: as milliseconds since 1970.
    DURATION: as microseconds.
    OBJECT: as the text of a JSON object; None for an empty one.
    """

    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    DIGEST = "digest"
    MOMENT = "moment"
    DURATION = "duration"
    OBJECT = "object"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredColumn:
    """Where a column is in a stored row, and how its values are stored."""

    position: int
    kind: Stored


_KINDS = {
    HexDigest: Stored.DIGEST,
    UtcTime: Stored.MOMENT,
    Milliseconds: Stored.DURATION,
    JsonObject: Stored.OBJECT,
    Boolean: Stored.BOOLEAN,
    Text: Stored.TEXT,
}


def _kind(column: Column[Any]) -> Stored:
    return next(
        (kind for type_, kind in _KINDS.items() if isinstance(column.type, type_)), Stored.NUMBER
    )


_FIRST = (images.c.recipe_id, images.c.seed)
_OTHERS = tuple(
    column
    for column in images.c
    if column.name not in {"recipe_id", "seed", "status", "error"}
)
#: What is in a stored row, by the name of the table's column.
STORED: Mapping[str, StoredColumn] = {
    column.name: StoredColumn(position=position, kind=_kind(column))
    for position, column in enumerate((*_FIRST, *_OTHERS))
}
#: A row of an image as it is stored; `STORED` says what is where.
StoredImage = Sequence[Any]

# Without the columns' own types, nothing is converted.
_STORED_IMAGES: Select[Any] = select(
    *_FIRST, *(type_coerce(c, NULLTYPE).label(c.name) for c in _OTHERS)
).where(images.c.status == str(ImageStatus.DONE))


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnSlice:
    """The finished images of a slice.

    id, batch_name, entry, fields, recipe: the slice's own; recipe: as requested.
    rows: its finished images in the order of its seeds.
    engines: those that drew them, by id.
    """

    id: int
    batch_name: str
    entry: int
    fields: Mapping[str, JSON]
    recipe: Recipe
    rows: Sequence[StoredImage]
    engines: Mapping[int, EngineRecord]

    def images(self) -> Iterator[FinishedImage]:
        """Yield them."""
        return map(self.image, self.rows)

    def image(self, row: StoredImage) -> FinishedImage:
        """Return one of them. row: one of `rows`."""
        values = dict(zip(STORED, row, strict=True))
        for name, convert in _CONVERSIONS:
            value = values[name]
            if value is not None:
                values[name] = convert(value)
        values["concept_scores"] = values["concept_scores"] or {}
        return FinishedImage(
            id=values["id"],
            batch_name=self.batch_name,
            entry=self.entry,
            fields=self.fields,
            recipe=self.recipe,
            seed=values["seed"],
            image=ImageRecord(**{name: values[name] for name in _RECORD_FIELDS}),
            engine=self.engines[values["engine_id"]],
            attempts=values["attempts"],
            finished_at=values["finished_at"],
        )


_RECORD_FIELDS = tuple(ImageRecord.__dataclass_fields__)
_CONVERSIONS: Sequence[tuple[str, Callable[[Any], Any]]] = tuple(
    (name, convert)
    for kind, convert in (
        (Stored.BOOLEAN, bool),
        (Stored.DIGEST, lambda value: bytes(value).hex()),
        (Stored.MOMENT, lambda value: EPOCH + value * MILLISECOND),
        (Stored.DURATION, lambda value: value / 1000),
        (Stored.OBJECT, json.loads),
    )
    for name, column in STORED.items()
    if column.kind is kind
)


def drawn_slices(
    database: Database, batch_id: int, *, without: Collection[int] = ()
) -> Iterator[DrawnSlice]:
    """Yield a batch's slices with finished images, by entry and slice, reading each page when it is needed.

    without: leave out images that one of these batches asks for too.
    """
    engines: dict[int, EngineRecord] = {}

    def look(connection: Connection, page: Sequence[Row[Any]]) -> list[DrawnSlice]:
        return list(drawn_in(connection, page, engines, without=without))

    return walk_slices(database, batch_id, look)


def finished_images(database: Database, batch_id: int) -> Iterator[FinishedImage]:
    """Yield a batch's finished images by entry, slice and seed, reading each page when it is needed."""
    for drawn in drawn_slices(database, batch_id):
        yield from drawn.images()


def finished_in(
    connection: Connection, slice_rows: Sequence[Row[Any]], known_engines: dict[int, EngineRecord]
) -> Iterator[FinishedImage]:
    """Yield the finished images of some slices of a batch, by slice and seed.

    known_engines: grows with those that are met.
    """
    for drawn in drawn_in(connection, slice_rows, known_engines):
        yield from drawn.images()


def drawn_in(
    connection: Connection,
    slice_rows: Sequence[Row[Any]],
    known_engines: dict[int, EngineRecord],
    *,
    without: Collection[int] = (),
) -> Iterator[DrawnSlice]:
    """Yield some slices of a batch that have finished images, in their order.

    known_engines: grows with those that are met.
    without: leave out images that one of these batches asks for too.
    """
    seeds = tried_seeds(connection, slice_rows)
    if without:
        _leave_out(connection, seeds, without)
    rows = {(row[0], row[1]): row for row in rows_with(connection, seeds, _STORED_IMAGES)}
    yield from _arranged(connection, slice_rows, rows, known_engines)


def drawn_among(database: Database, wanted: Sequence[tuple[int, int]]) -> list[FinishedImage]:
    """Return images by the slice that asks for each and its own id, in that order, without those that are gone."""
    with database.reading() as connection:
        asking = sorted({slice_id for slice_id, _ in wanted})
        slice_rows = [
            row
            for some in parts(asking)
            for row in connection.execute(select(slices).where(slices.c.id.in_(some)))
        ]
        rows = {
            (row[0], row[1]): row
            for some in parts(sorted({image_id for _, image_id in wanted}))
            for row in connection.execute(_STORED_IMAGES.where(images.c.id.in_(some)))
        }
        found = {
            (drawn.id, image.id): image
            for drawn in _arranged(connection, slice_rows, rows, {})
            for image in drawn.images()
        }
    return [found[one] for one in wanted if one in found]


def _arranged(
    connection: Connection,
    slice_rows: Sequence[Row[Any]],
    rows: Mapping[tuple[int, int], StoredImage],
    known_engines: dict[int, EngineRecord],
) -> Iterator[DrawnSlice]:
    """Put the rows of images, by recipe id and seed, behind their slices."""
    if not rows:
        return
    names = {
        row.id: row.name
        for row in connection.execute(
            select(batches.c.id, batches.c.name).where(
                batches.c.id.in_({slice_.batch_id for slice_ in slice_rows})
            )
        )
    }
    recipes = load_recipes(connection, {recipe_id for recipe_id, _ in rows})
    place = STORED["engine_id"].position
    if new_engines := {row[place] for row in rows.values()} - known_engines.keys():
        known_engines.update(load_engines(connection, new_engines))
    for slice_ in slice_rows:
        recipe_id = slice_.recipe_id
        if recipe_id not in recipes:
            continue
        seeds = parse_seeds(slice_.seeds)
        found = [rows[recipe_id, seed] for seed in seeds if (recipe_id, seed) in rows]
        if found:
            yield DrawnSlice(
                id=slice_.id,
                batch_name=names[slice_.batch_id],
                entry=slice_.entry,
                fields=slice_.fields,
                recipe=recipes[recipe_id],
                rows=found,
                engines=known_engines,
            )


def _leave_out(
    connection: Connection, seeds: Mapping[int, set[int]], batch_ids: Collection[int]
) -> None:
    """Remove the seeds, by recipe id, that one of the batches asks for."""
    for some in parts(sorted(seeds)):
        for slice_ in connection.execute(
            select(slices.c.recipe_id, slices.c.seeds).where(
                slices.c.recipe_id.in_(some), slices.c.batch_id.in_(batch_ids)
            )
        ):
            seeds[slice_.recipe_id].difference_update(parse_seeds(slice_.seeds))
