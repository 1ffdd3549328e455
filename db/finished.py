"""The finished images of a batch: all, those that a condition chooses, or those with certain ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from db.connection import Database
from db.drawn import drawn_slices, drawn_with
from db.values import EngineRecord, FinishedImage

if TYPE_CHECKING:
    from db.columns.where import Where


def finished_images(
    database: Database, batch_id: int, where: Where | None = None
) -> Iterator[FinishedImage]:
    """Yield a batch's finished images by entry, slice and seed, reading each page when it is needed.

    where: only those that it chooses.
    """
    for drawn in drawn_slices(database, batch_id, where=where):
        yield from drawn.images()


def finished_by_slice(
    database: Database, batch_id: int, where: Where | None = None
) -> Iterator[tuple[int, FinishedImage]]:
    """Yield the same, each image with the id of the slice that asks for it."""
    for drawn in drawn_slices(database, batch_id, where=where):
        for image in drawn.images():
            yield drawn.id, image


def finished_by_id(
    connection: Connection,
    ids: Sequence[tuple[int, int]],
    known_engines: dict[int, EngineRecord],
) -> Iterator[FinishedImage]:
    """Yield finished images by the ids of their slices and their own, in that order.

    Those that are gone meanwhile are left out.

    ids: at most `KEYS_AT_ONCE`. known_engines: grows with those that are met.
    """
    found = {
        (drawn.id, image.id): image
        for drawn in drawn_with(connection, ids, known_engines)
        for image in drawn.images()
    }
    yield from (found[one] for one in ids if one in found)
