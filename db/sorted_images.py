"""A batch's finished images in another order than that of planning.

A temporary database of SQLite sorts them: it spills to a file when they are many, and knows an order for values of all
kinds. Only what they are sorted by is kept there; the images are read again, a page at a time.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING

from db.connection import Database
from db.finished import finished_by_id, finished_by_slice
from db.recipe_rows import KEYS_AT_ONCE
from db.values import EngineRecord, FinishedImage
from sdq_core.errors import StorageError

if TYPE_CHECKING:
    from db.columns import Sorting
    from db.columns.where import Where


def sorted_images(
    database: Database, batch_id: int, sort: Sorting, where: Where | None, limit: int | None
) -> Iterator[FinishedImage]:
    """Yield a batch's finished images in an order, as they were when each was read.

    Raise StorageError if the temporary file cannot be written.
    """
    known_engines: dict[int, EngineRecord] = {}
    with contextlib.closing(sqlite3.connect("")) as store, _translating():
        store.execute("PRAGMA journal_mode = OFF")
        keys = [f"key_{number}" for number in range(len(sort.keys))]
        store.execute(f"CREATE TABLE found ({', '.join(keys)}, slice_id, image_id)")
        store.executemany(
            f"INSERT INTO found VALUES ({', '.join('?' * (len(keys) + 2))})",
            (
                (*(key.of(image) for key in sort.keys), slice_id, image.id)
                for slice_id, image in finished_by_slice(database, batch_id, where)
            ),
        )
        order = ", ".join(
            f"{name} {'DESC' if key.descending else 'ASC'} NULLS LAST"
            for name, key in zip(keys, sort.keys, strict=True)
        )
        ids = store.execute(
            f"SELECT slice_id, image_id FROM found ORDER BY {order}, rowid LIMIT ?",
            (-1 if limit is None else limit,),
        )
        while page := ids.fetchmany(KEYS_AT_ONCE):
            with database.reading() as connection:
                found = list(finished_by_id(connection, page, known_engines))
            yield from found


@contextlib.contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(
            f"The images cannot be sorted: the temporary file cannot be written ({error}). Free some disk space, or "
            "set TMPDIR to a folder on another disk."
        ) from error
