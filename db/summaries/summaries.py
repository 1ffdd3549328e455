"""Summaries: what happened to a batch, or since a time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_, select

from db.column_types import now_utc
from db.connection import Database
from db.report import batch_id_of, find_batch, statuses_of
from db.summaries.collector import Collector
from db.summaries.values import Summary
from db.tables import batches
from db.values import BatchState, BatchStatus
from sdq_core.values.moments import local_midnight


class Summaries:
    """Summaries of images that are settled. Only reads, page by page: images settled meanwhile may be among them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, batch: str | int | None = None, *, since: datetime | None = None) -> Summary:
        """Return the summary of a batch, of all batches since a time, or of a batch since a time.

        batch: its name, or its id if no batch has that name; an unknown one raises InputMissingError.
        """
        made_at = now_utc()
        statuses = self._statuses(batch, since)
        begins = [status.started_at or status.created_at for status in statuses]
        collector = Collector(
            self._database,
            since=since,
            steps_from=local_midnight(since or min(begins, default=made_at)),
        )
        parts = [collector.collect(status) for status in statuses]
        return collector.summary(
            batch=statuses[0] if batch is not None else None,
            parts=[
                part
                for part in parts
                if batch is not None or part.done or part.failed or _is_news(part.status, since)
            ],
            made_at=made_at,
        )

    def _statuses(self, batch: str | int | None, since: datetime | None) -> list[BatchStatus]:
        with self._database.reading() as connection:
            if batch is not None:
                status = find_batch(connection, batch_id_of(connection, batch))
                assert status is not None  # in the same transaction
                return [status]
            query = select(batches).order_by(batches.c.id)
            if since is not None:
                ended = batches.c.completed_at
                query = query.where(or_(ended.is_(None), ended >= since))
            return statuses_of(connection, query)


def _is_news(status: BatchStatus, since: datetime | None) -> bool:
    """Whether a batch without any image in that time is of interest: it waits, or was submitted then."""
    if since is not None and status.created_at >= since:
        return True
    return status.completed_at is None and status.state is not BatchState.CANCELLED
