"""The finished images of a batch: as values, or as the database stores them, for whoever writes a million of them.

A slice's images have most in common: its recipe, the user's fields, and usually the engine. So they come slice by slice
(`DrawnSlice`) with the rows of its images as they are stored: to convert their values and to make objects of them takes
longer than to read them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Column, Connection, Row, Select, Text, select, type_coerce
from sqlalchemy.types import NULLTYPE

from db.asked_before import AskedBefore
from db.column_types import EPOCH, MILLISECOND, HexDigest, JsonObject, Milliseconds, UtcTime
from db.columns.column import AskedImages
from db.connection import Database
from db.engines import load_engines
from db.tables import batches, images, slices
from db.values import EngineRecord, FinishedImage, ImageRecord, ImageStatus
from db.walk import load_recipes, rows_with, tried_seeds, walk_slices
from sdq_core.values.seeds import parse_seeds

if TYPE_CHECKING:
    from db.columns.where import Where
    from db.columns.where.tree import Condition


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
    kinds = (kind for type_, kind in _KINDS.items() if isinstance(column.type, type_))
    return next(kinds, Stored.NUMBER)


_FIRST = (images.c.recipe_id, images.c.seed)
_NOT_OTHERS = {"recipe_id", "seed", "status", "error"}
_OTHERS = tuple(column for column in images.c if column.name not in _NOT_OTHERS)
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


@dataclass(frozen=True, kw_only=True)
class DrawnSlice(AskedImages):
    """The finished images of a slice.

    id: the slice's.
    rows: its finished images in the order of its seeds, as they are stored.
    engines: those that drew them, by id.
    """

    id: int
    rows: Sequence[StoredImage]
    engines: Mapping[int, EngineRecord]

    def images(self) -> Iterator[FinishedImage]:
        """Yield them."""
        return map(self.image, self.rows)

    def image(self, row: StoredImage) -> FinishedImage:
        """Return one of them. row: one of `rows`."""
        values = list(row)
        for position, convert in _CONVERSIONS:
            value = values[position]
            if value is not None:
                values[position] = convert(value)
        values[_SCORES] = values[_SCORES] or {}
        image_id, engine_id, attempts, finished_at, favourite, rejected = _OWN(values)
        record = ImageRecord(**dict(zip(_RECORD_FIELDS, _RECORD(values), strict=True)))
        return FinishedImage(
            id=image_id,
            batch_name=self.batch_name,
            entry=self.entry,
            fields=self.fields,
            recipe=self.recipe,
            seed=record.seed,
            image=record,
            engine=self.engines[engine_id],
            attempts=attempts,
            finished_at=finished_at,
            favourite=favourite,
            rejected=rejected,
        )


def _taking(*names: str) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    return itemgetter(*(STORED[name].position for name in names))


_RECORD_FIELDS = tuple(ImageRecord.__dataclass_fields__)
_RECORD = _taking(*_RECORD_FIELDS)
_OWN = _taking("id", "engine_id", "attempts", "finished_at", "favourite", "rejected")
_SCORES = STORED["concept_scores"].position
_CONVERSIONS: Sequence[tuple[int, Callable[[Any], Any]]] = tuple(
    (column.position, convert)
    for kind, convert in (
        (Stored.BOOLEAN, bool),
        (Stored.DIGEST, lambda value: bytes(value).hex()),
        (Stored.MOMENT, lambda value: EPOCH + value * MILLISECOND),
        (Stored.DURATION, lambda value: value / 1000),
        (Stored.OBJECT, json.loads),
    )
    for column in STORED.values()
    if column.kind is kind
)


def drawn_slices(
    database: Database,
    batch_id: int,
    *,
    where: Where | None = None,
    without: Collection[int] = (),
) -> Iterator[DrawnSlice]:
    """Yield a batch's slices that have finished images, by entry and slice, reading each page when it is needed.

    where: only the images that it chooses.
    without: leave out images that one of these batches asks for too.
    """
    engines: dict[int, EngineRecord] = {}
    others = AskedBefore(slices.c.batch_id.in_(without)) if without else None

    def look(connection: Connection, page: Sequence[Row[Any]]) -> list[DrawnSlice]:
        return list(drawn_in(connection, page, engines, where=where, without=others))

    return walk_slices(database, batch_id, look)


def drawn_in(
    connection: Connection,
    slice_rows: Sequence[Row[Any]],
    known_engines: dict[int, EngineRecord],
    *,
    where: Where | None = None,
    without: AskedBefore | None = None,
) -> Iterator[DrawnSlice]:
    """Yield those of a batch's slices that have finished images, in their order.

    known_engines: grows with those that are met.
    where: only the images that it chooses. What slices cannot have any is known before their images are read.
    without: leave out images that these batches ask for too.
    """
    left = {} if where is None else _left_to_ask(connection, slice_rows, where)
    slice_rows = [slice_ for slice_ in slice_rows if left.get(slice_.id) is not False]
    seeds = tried_seeds(connection, slice_rows)
    if without:
        for recipe_id, seed in without.among(connection, slice_rows):
            seeds[recipe_id].discard(seed)
    found: Iterable[StoredImage] = rows_with(connection, seeds, _STORED_IMAGES)
    rows = {(row[0], row[1]): row for row in found}
    for drawn in _arranged(connection, slice_rows, rows, known_engines):
        condition = left.get(drawn.id, True)
        if isinstance(condition, bool):
            yield drawn
        elif chosen := [row for row in drawn.rows if condition.of(drawn.image(row))]:
            yield replace(drawn, rows=chosen)


def names_of_meta(database: Database, batch_id: int) -> list[str]:
    """Return the names of the user's own fields in a batch, in the order in which they come first."""

    def look(_connection: Connection, page: Sequence[Row[Any]]) -> list[str]:
        return list(dict.fromkeys(name for row in page for name in row.fields.get("meta") or ()))

    has_fields = slices.c.fields.is_not(None)
    return list(dict.fromkeys(walk_slices(database, batch_id, look, only=has_fields)))


def drawn_with(
    connection: Connection,
    ids: Collection[tuple[int, int]],
    known_engines: dict[int, EngineRecord],
) -> Iterator[DrawnSlice]:
    """Yield slices by id with some of their finished images, by the id of each; at most `KEYS_AT_ONCE` of both.

    known_engines: grows with those that are met.
    """
    of_slices = slices.c.id.in_({slice_id for slice_id, _ in ids})
    slice_rows = connection.execute(select(slices).where(of_slices)).all()
    with_ids = images.c.id.in_({image_id for _, image_id in ids})
    found: Iterable[StoredImage] = connection.execute(_STORED_IMAGES.where(with_ids))
    rows = {(row[0], row[1]): row for row in found}
    yield from _arranged(connection, slice_rows, rows, known_engines)


def _arranged(
    connection: Connection,
    slice_rows: Sequence[Row[Any]],
    rows: Mapping[tuple[int, int], StoredImage],
    known_engines: dict[int, EngineRecord],
) -> Iterator[DrawnSlice]:
    """Put the rows of images, by recipe id and seed, behind their slices."""
    if not rows or not slice_rows:
        return
    names = _batch_names(connection, slice_rows)
    recipes = load_recipes(connection, {recipe_id for recipe_id, _ in rows})
    place = STORED["engine_id"].position
    if new_engines := {row[place] for row in rows.values()} - known_engines.keys():
        known_engines.update(load_engines(connection, new_engines))
    for slice_ in slice_rows:
        recipe_id = slice_.recipe_id
        if recipe_id not in recipes:
            continue
        seeds = parse_seeds(slice_.seeds)
        if found := [rows[recipe_id, seed] for seed in seeds if (recipe_id, seed) in rows]:
            yield DrawnSlice(
                batch_name=names[slice_.batch_id],
                entry=slice_.entry,
                fields=slice_.fields,
                recipe=recipes[recipe_id],
                id=slice_.id,
                rows=found,
                engines=known_engines,
            )


def _left_to_ask(
    connection: Connection, slice_rows: Sequence[Row[Any]], where: Where
) -> dict[int, bool | Condition]:
    """Return for each slice what is left of a condition when all is known of its images that was asked for."""
    names = _batch_names(connection, slice_rows)
    recipes = load_recipes(connection, {slice_.recipe_id for slice_ in slice_rows})
    return {
        slice_.id: where.given(
            AskedImages(
                batch_name=names[slice_.batch_id],
                entry=slice_.entry,
                fields=slice_.fields,
                recipe=recipes[slice_.recipe_id],
            )
        )
        for slice_ in slice_rows
    }


def _batch_names(connection: Connection, slice_rows: Sequence[Row[Any]]) -> Mapping[int, str]:
    ids = {slice_.batch_id for slice_ in slice_rows}
    query = select(batches.c.id, batches.c.name).where(batches.c.id.in_(ids))
    return {row.id: row.name for row in connection.execute(query)}
