"""Rows of finished images, of a batch or of all, page by page: for whoever reads a few columns of very many.

An image that several batches ask for is met in each of them. What changes meanwhile may be met or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, RowMapping, select

from db.connection import Database
from db.report import batch_id_of
from db.tables import images
from db.values import ImageStatus
from db.walk import images_of, walk_slices

#: Rows read at once of which little is kept.
AT_ONCE = 1000

_DONE = str(ImageStatus.DONE)
_KEYS = (images.c.id, images.c.recipe_id, images.c.seed, images.c.status)


def finished_rows(
    database: Database,
    batch: str | int | None,
    columns: Sequence[Column[Any]],
    is_wanted: Callable[[RowMapping], bool],
    wanted: ColumnElement[bool],
) -> Iterator[RowMapping]:
    """Yield the rows of finished images that are wanted, with id, recipe, seed and some columns.

    batch: its name or id, None for all images; an unknown one raises InputMissingError.
    is_wanted, wanted: one condition on the columns, for a row that was read and for the database.
    """
    columns = (*_KEYS, *columns)
    if batch is None:
        return _of_all(database, columns, wanted)
    with database.reading() as connection:
        batch_id = batch_id_of(connection, batch)
    return walk_slices(
        database,
        batch_id,
        lambda connection, page: [
            row
            for row in images_of(connection, page, columns)
            if row["status"] == _DONE and is_wanted(row)
        ],
    )


def _of_all(
    database: Database, columns: Sequence[Column[Any]], wanted: ColumnElement[bool]
) -> Iterator[RowMapping]:
    last = 0
    while True:
        query = (
            select(*columns)
            .where(images.c.id > last, images.c.status == _DONE, wanted)
            .order_by(images.c.id)
            .limit(AT_ONCE)
        )
        with database.reading() as connection:
            page = connection.execute(query).mappings().all()
        yield from page
        if len(page) < AT_ONCE:
            return
        last = page[-1]["id"]
