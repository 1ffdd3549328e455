"""The newest images, of a batch or of all, by the ids of their rows, which grow with the first attempt.

Of a batch that was drawn long ago the search begins where its last image must be: times grow with the ids as well, but
for images that were tried again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from db.finished import finished_by_id
from db.tables import batches, images, slices
from db.values import FinishedImage, ImageStatus

_DONE = str(ImageStatus.DONE)
#: Rows looked at for a page at most, and at once.
_ROWS, _AT_ONCE = 20_000, 500
#: An image may have been begun so long before another one that was finished at the same time.
_SLACK = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True)
class NewestPage:
    """Images, the newest first. before: the id that the next page begins below; None if there are none."""

    images: Sequence[FinishedImage]
    before: int | None = None


def newest(
    connection: Connection, batch_id: int | None, before: int | None, limit: int
) -> NewestPage:
    """Return the newest images below an id, as they were drawn for the batch, or for any."""
    below = before if before is not None else _top(connection, batch_id)
    ids: list[tuple[int, int]] = []
    looked = 0
    while len(ids) < limit and looked < _ROWS:
        some = (
            select(images.c.id, images.c.slice_id, images.c.status)
            .where(images.c.id < below)
            .order_by(images.c.id.desc())
            .limit(_AT_ONCE)
            .subquery()
        )
        rows = connection.execute(
            select(some.c.id, some.c.slice_id, some.c.status, slices.c.batch_id)
            .join_from(some, slices, slices.c.id == some.c.slice_id, isouter=True)
            .order_by(some.c.id.desc())
        ).all()
        for row in rows:
            is_wanted = row.status == _DONE and batch_id in {None, row.batch_id}
            if is_wanted and row.batch_id is not None:
                ids.append((row.slice_id, row.id))
            below = row.id
            if len(ids) == limit:
                break
        looked += len(rows)
        if len(rows) < _AT_ONCE and len(ids) < limit:
            below = 0
            break
    return NewestPage(
        images=list(finished_by_id(connection, ids, {})), before=below if below > 1 else None
    )


def _top(connection: Connection, batch_id: int | None) -> int:
    """Return an id that no image to be found is at or above."""
    highest = int(connection.scalar(select(func.max(images.c.id))) or 0)
    ended: datetime | None = None
    if batch_id is not None:
        ended = connection.scalar(select(batches.c.completed_at).where(batches.c.id == batch_id))
    if ended is None:
        return highest + 1
    low, high = 0, highest + 1
    while high - low > _AT_ONCE:
        middle = (low + high) // 2
        at = connection.execute(
            select(images.c.id, images.c.finished_at)
            .where(images.c.id >= middle, images.c.finished_at.is_not(None))
            .order_by(images.c.id)
            .limit(1)
        ).first()
        if at is None or at.finished_at > ended + _SLACK:
            high = middle
        else:
            low = middle
    return high
