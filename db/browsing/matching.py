"""The images of a batch that a condition chooses, some at a time.

A condition that few images meet is looked for as long as a page may take; the next page goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.connection import Database
from db.drawn import drawn_in
from db.values import EngineRecord, FinishedImage
from db.walk import slices_after

if TYPE_CHECKING:
    from db.columns.where import Where

_SLICES_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True)
class Matches:
    """What was found. after: (entry, slice id) that the next page begins behind; None at the end of the batch."""

    images: Sequence[FinishedImage]
    after: tuple[int, int] | None = None


def matching(
    database: Database,
    batch_id: int,
    where: Where | None,
    after: tuple[int, int],
    enough: int,
    patience_s: float,
) -> Matches:
    """Return the finished images of the next slices that are chosen, until there are enough or the patience ends.

    A slice's images stay together, so there may be some more than enough.
    """
    engines: dict[int, EngineRecord] = {}
    found: list[FinishedImage] = []
    deadline = time.monotonic() + patience_s
    while True:
        with database.reading() as connection:
            page = slices_after(connection, batch_id, *after, _SLICES_AT_ONCE)
            for drawn in drawn_in(connection, page, engines, where=where):
                if len(found) >= enough:
                    return Matches(images=found, after=after)
                found += drawn.images()
                after = (drawn.entry, drawn.id)
        if len(page) < _SLICES_AT_ONCE:
            return Matches(images=found)
        after = (page[-1].entry, page[-1].id)
        if len(found) >= enough or time.monotonic() > deadline:
            return Matches(images=found, after=after)
