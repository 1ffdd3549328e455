"""Notices: what is to be told of batches, who tells it, and what came of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, update

from db.choices import read_receivers
from db.column_types import now_utc
from db.connection import Database
from db.tables import batches, notices
from db.values import Notice, NoticeEvent

#: Few are open at a time; whoever gets through these asks again.
_AT_ONCE = 100


class Notices:
    """Notices from when something happened until everybody is told.

    A worker claims a notice before it is sent, and each receiver that is dealt with is noted under that claim. So
    whoever takes over from a dead worker goes on behind it. Commits are not durable on SQLite: after a power cut, a
    receiver may be told again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self) -> list[Notice]:
        """List the notices that may be sent now; of each batch the oldest, or an end might be told before a start."""
        older = notices.alias()
        is_next = ~(
            select(older.c.id)
            .where(
                older.c.batch_id == notices.c.batch_id,
                older.c.finished_at.is_(None),
                older.c.id < notices.c.id,
            )
            .exists()
        )
        query = _notices().where(notices.c.finished_at.is_(None), is_next)
        with self._database.reading() as connection:
            return _found(connection, query.order_by(notices.c.id).limit(_AT_ONCE))

    def find(self, notice_id: int) -> Notice | None:
        """Return a notice, None if its batch was removed."""
        with self._database.reading() as connection:
            found = _found(connection, _notices().where(notices.c.id == notice_id))
            return found[0] if found else None

    def claim(self, notice: Notice, worker: str) -> bool:
        """Take a notice over from its worker as of `notice`, or from nobody; return whether it is this worker's now."""
        with self._database.writing() as connection:
            claimed = connection.execute(
                update(notices)
                .where(
                    notices.c.id == notice.id,
                    notices.c.finished_at.is_(None),
                    notices.c.claimed_by.is_not_distinct_from(notice.claimed_by),
                )
                .values(claimed_by=worker)
            )
            return claimed.rowcount > 0

    def is_claimed(self, notice_id: int, worker: str) -> bool:
        """Whether a notice is still this worker's to send."""
        with self._database.reading() as connection:
            query = select(notices.c.id).where(*_claim(notice_id, worker))
            return connection.execute(query).first() is not None

    def note(self, notice_id: int, worker: str, receiver: str, outcome: str) -> bool:
        """Note what came of telling a receiver; return False, and note nothing, if another worker has the notice."""
        with self._database.writing() as connection:
            is_own = _claim(notice_id, worker)
            before = connection.execute(select(notices.c.outcomes).where(*is_own)).first()
            if before is None:
                return False
            outcomes = {**before.outcomes, receiver: outcome}
            connection.execute(update(notices).where(*is_own).values(outcomes=outcomes))
            return True

    def finish(self, notice_id: int, worker: str) -> None:
        """Close a worker's notice."""
        with self._database.writing() as connection:
            connection.execute(
                update(notices).where(*_claim(notice_id, worker)).values(finished_at=now_utc())
            )

    def dismiss(self, notice_ids: Collection[int]) -> None:
        """Close those notices that nobody has: there is nobody to tell."""
        with self._database.writing() as connection:
            connection.execute(
                update(notices)
                .where(
                    notices.c.id.in_(notice_ids),
                    notices.c.finished_at.is_(None),
                    notices.c.claimed_by.is_(None),
                )
                .values(finished_at=now_utc())
            )


def _claim(notice_id: int, worker: str) -> tuple[Any, ...]:
    return (
        notices.c.id == notice_id,
        notices.c.finished_at.is_(None),
        notices.c.claimed_by == worker,
    )


def _notices() -> Select[Any]:
    ends = notices.alias()
    ended_before = (
        select(func.count())
        .where(
            ends.c.batch_id == notices.c.batch_id,
            ends.c.event == str(NoticeEvent.COMPLETED),
            ends.c.id < notices.c.id,
        )
        .scalar_subquery()
    )
    return select(
        notices,
        batches.c.name,
        batches.c.created_at,
        batches.c.options,
        ended_before.label("round"),
    ).join_from(notices, batches)


def _found(connection: Connection, query: Select[Any]) -> list[Notice]:
    return [_notice(row) for row in connection.execute(query)]


def _notice(row: Row[Any]) -> Notice:
    return Notice(
        id=row.id,
        batch_id=row.batch_id,
        batch_name=row.name,
        batch_created_at=row.created_at,
        event=NoticeEvent(row.event),
        happened_at=row.happened_at,
        receivers=read_receivers(row.options),
        claimed_by=row.claimed_by,
        outcomes=row.outcomes,
        is_finished=row.finished_at is not None,
        round=int(row.round),
    )
