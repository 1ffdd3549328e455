"""What a page of a batch's slices says that can be compared with the files: one read of each image, of few columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from db.asked_before import AskedBefore
from db.tables import images
from db.values import CheckedFile, CheckedPage, ImageStatus
from db.walk import rows_with, tried_seeds
from sdq_core.values.seeds import parse_seeds

_COLUMNS = (
    images.c.recipe_id,
    images.c.seed,
    images.c.status,
    images.c.path,
    images.c.size_bytes,
)
_COLUMNS_WITH_HASHES = (*_COLUMNS, images.c.sha256)


def checked_page(
    connection: Connection,
    slice_rows: Sequence[Row[Any]],
    *,
    but: AskedBefore | None,
    with_hashes: bool,
) -> CheckedPage:
    """Return the files of the finished images of some slices of a batch, and which slices are closed too early.

    but: leave out the images that a batch before it asks for, too.
    with_hashes: with the files' hashes.
    """
    query = select(*(_COLUMNS_WITH_HASHES if with_hashes else _COLUMNS))
    rows: Iterator[Sequence[Any]] = rows_with(
        connection, tried_seeds(connection, slice_rows), query
    )
    settled = {(row[0], row[1]): row for row in rows if row[2] != ImageStatus.DRAWING}
    elsewhere = but.among(connection, slice_rows) if but and settled else ()
    files: list[CheckedFile] = []
    closed_too_early: list[int] = []
    for slice_ in slice_rows:
        recipe_id, is_settled = slice_.recipe_id, True
        for seed in parse_seeds(slice_.seeds):
            row = settled.get((recipe_id, seed))
            if row is None:
                is_settled = False
            elif row[2] == ImageStatus.DONE and (recipe_id, seed) not in elsewhere:
                sha256 = row[5] if with_hashes else None
                files.append(CheckedFile(recipe_id, seed, row[3], row[4], sha256))
        if slice_.finished_at is not None and not is_settled:
            closed_too_early.append(slice_.id)
    return CheckedPage(files=files, closed_too_early=closed_too_early)
