"""The first finished images of each of a batch's entries, for who shows a few of each.

Invariant: what is read grows with the entries and with what is shown, not with the images: of an entry that has enough,
neither further images nor further slices are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row

from db.connection import Database
from db.drawn import drawn_in
from db.values import EngineRecord, FinishedImage
from db.walk import slices_after

if TYPE_CHECKING:
    from db.columns.where import Where

_SLICES_AT_ONCE = 100


def first_images(
    database: Database, batch_id: int, each: int, where: Where | None = None
) -> Iterator[FinishedImage]:
    """Yield at most `each` finished images of each entry, by entry, slice and seed.

    where: only of those that it chooses.
    """
    engines: dict[int, EngineRecord] = {}
    counts: dict[int, int] = {}
    entry, slice_id = 0, 0
    while True:
        with database.reading() as connection:
            page = slices_after(connection, batch_id, entry, slice_id, _SLICES_AT_ONCE)
            counts = {entry: counts.get(entry, 0)}
            found = _of_page(connection, page, each, engines, counts, where)
        yield from found
        if len(page) < _SLICES_AT_ONCE:
            return
        entry = page[-1].entry
        slice_id = 0 if counts.get(entry, 0) >= each else page[-1].id


def _of_page(
    connection: Connection,
    page: Sequence[Row[Any]],
    each: int,
    engines: dict[int, EngineRecord],
    counts: dict[int, int],
    where: Where | None,
) -> list[FinishedImage]:
    """Return the images of some slices. counts: how many each entry has already; grows."""
    waiting: dict[int, list[Row[Any]]] = {}
    for slice_ in page:
        waiting.setdefault(slice_.entry, []).append(slice_)
    found: dict[int, list[FinishedImage]] = {entry: [] for entry in waiting}
    while True:
        # Of each entry that lacks some, the next slice: most have enough images.
        asked = [
            slices.pop(0)
            for entry, slices in waiting.items()
            if slices and counts.get(entry, 0) < each
        ]
        if not asked:
            return [image for images in found.values() for image in images]
        drawn = drawn_in(connection, asked, engines, where=where)
        for image in (image for slice_ in drawn for image in slice_.images()):
            entry = image.entry
            if counts.get(entry, 0) < each:
                counts[entry] = counts.get(entry, 0) + 1
                found[entry].append(image)
