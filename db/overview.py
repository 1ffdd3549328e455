"""What is being drawn, for whoever watches: read again every second, so it costs little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, not_, select

from db.column_types import now_utc
from db.pace import Pace, RecentFinishes
from db.report import statuses_of
from db.tables import batches
from db.values import BatchState, BatchStatus


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The batches that are not finished, and how fast images come.

    batches: the oldest first; none that is cancelled.
    ended: the newest of those that are done or cancelled, the newest first, as many as were asked for.
    pace: of all images since the first of these batches, also of others; None if too few were finished lately.
    last_path: of the newest image, relative to the output folder; None if none was finished lately.
    """

    batches: Sequence[BatchStatus]
    ended: Sequence[BatchStatus] = ()
    pace: Pace | None = None
    last_path: str | None = None


def overview_of(connection: Connection, batch_id: int | None, ended: int) -> Overview:
    """Return what is being drawn.

    batch_id: of this batch only, which is then shown however it stands. ended: how many that are not drawn any more.
    """
    recent = RecentFinishes.read(connection, now_utc())
    unfinished = and_(batches.c.open_slices > 0, batches.c.state != str(BatchState.CANCELLED))
    wanted = unfinished if batch_id is None else batches.c.id == batch_id
    oldest_first = select(batches).where(wanted).order_by(batches.c.id)
    statuses = statuses_of(connection, oldest_first, recent)
    newest_first = select(batches).where(not_(unfinished)).order_by(batches.c.id.desc())
    return Overview(
        batches=statuses,
        ended=statuses_of(connection, newest_first.limit(ended), recent) if ended else (),
        pace=recent.pace_during(status.id for status in statuses),
        last_path=recent.last_path(batch_id),
    )
