"""Rows of finished images, of a batch or of all: reads and changes a few columns of very many, page by page.

An image that several batches ask for is met in each of them. What changes meanwhile may be met or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Select, bindparam, select, update

from db.connection import Database
from db.report import batch_id_of
from db.tables import images
from db.values import ImageStatus
from db.walk import rows_with, tried_seeds, walk_slices

#: Rows read at once of which little is kept.
AT_ONCE = 1000

#: What makes an `ImageFile`, with the id.
FILE = (images.c.path, images.c.size_bytes, images.c.sha256)

_DONE = str(ImageStatus.DONE)


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFile:
    """A finished image's file. id: of the image. path: relative to the outputs. size_bytes, sha256: as recorded."""

    id: int
    path: str
    size_bytes: int
    sha256: str


def finished_rows(
    database: Database,
    batch: str | int | None,
    columns: Sequence[Column[Any]],
    wanted: ColumnElement[bool],
) -> Iterator[Row[Any]]:
    """Yield the rows of finished images that are wanted, with recipe, seed, id and some columns.

    batch: its name or id, None for all images; an unknown one raises InputMissingError.
    wanted: a condition on the rows.
    """
    query = select(images.c.recipe_id, images.c.seed, images.c.id, *columns).where(
        images.c.status == _DONE, wanted
    )
    if batch is None:
        return _of_all(database, query)
    with database.reading() as connection:
        batch_id = batch_id_of(connection, batch)
    return walk_slices(
        database,
        batch_id,
        lambda connection, page: rows_with(connection, tried_seeds(connection, page), query),
    )


def _of_all(database: Database, query: Select[Any]) -> Iterator[Row[Any]]:
    last = 0
    while True:
        following = query.where(images.c.id > last).order_by(images.c.id).limit(AT_ONCE)
        with database.reading() as connection:
            page = connection.execute(following).all()
        yield from page
        if len(page) < AT_ONCE:
            return
        last = page[-1].id


def store(database: Database, found: Iterable[tuple[ImageFile, Mapping[str, Any]]]) -> None:
    """Store what was found out about some files, by columns; images that have another file by now stay without."""
    rows = [{"of_id": file.id, "of_sha256": file.sha256, **values} for file, values in found]
    if not rows:
        return
    statement = update(images).where(
        images.c.id == bindparam("of_id"),
        images.c.sha256 == bindparam("of_sha256"),
        images.c.status == _DONE,
    )
    with database.writing(durable=True) as connection:
        connection.execute(statement, rows)


def forget(database: Database, batch: str | int | None, columns: Sequence[Column[Any]]) -> None:
    """Empty columns of finished images. columns: the first is empty only where all are."""
    nothing = {column.name: None for column in columns}
    rows = finished_rows(database, batch, (), columns[0].is_not(None))
    while some := [row.id for row in islice(rows, AT_ONCE)]:
        with database.writing(durable=True) as connection:
            connection.execute(update(images).where(images.c.id.in_(some)).values(nothing))
