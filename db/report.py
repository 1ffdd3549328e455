"""The status of batches, without scanning their images.

Finished slices have added their counts to their batch and open ones have their own, so a status reads one row per batch
and one per slice that is begun but not finished, for ten images or a million. An image that is drawn for another batch
in the meantime counts here when its own slice is finished.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select

from db.column_types import now_utc
from db.order import read_rank
from db.pace import Pace, RecentFinishes
from db.tables import batches, slices
from db.values import BatchState, BatchStatus
from sdq_core.errors import InputMissingError
from sdq_core.values.names import spellings


def find_batch(connection: Connection, name_or_id: str | int) -> BatchStatus | None:
    """Return the status of the batch with that name, else with that id, else None."""
    row = _row_of(connection, name_or_id)
    if row is None:
        return None
    return statuses_of(connection, select(batches).where(batches.c.id == row.id))[0]


def _row_of(connection: Connection, name_or_id: str | int) -> Row[Any] | None:
    row = batch_named(connection, name_or_id) if isinstance(name_or_id, str) else None
    if row is None and str(name_or_id).isdecimal() and len(str(name_or_id)) < 19:
        query = select(batches).where(batches.c.id == int(name_or_id))
        row = connection.execute(query).first()
    return row


def batch_named(connection: Connection, name: str) -> Row[Any] | None:
    """Return the batch with that name, in whichever spelling it is kept."""
    for spelling in _forms(name):
        if "\0" in spelling:
            continue  # PostgreSQL has no such text to compare with
        row = connection.execute(select(batches).where(batches.c.name == spelling)).first()
        if row is not None:
            return row
    return None


def _forms(name: str) -> tuple[str, ...]:
    """Return the spellings of a name; none of one that is no text, as bytes of a command line may be."""
    return () if any("\ud800" <= letter <= "\udfff" for letter in name) else spellings(name)


def names_beginning(connection: Connection, text: str) -> list[str]:
    """List the names of batches that begin with a text, in whichever spelling, the newest first."""
    begins = [func.substr(batches.c.name, 1, len(form)) == form for form in _forms(text)]
    if not begins:
        return []
    newest_first = select(batches.c.name).where(or_(*begins)).order_by(batches.c.id.desc())
    return list(connection.scalars(newest_first))


def batch_id_of(connection: Connection, name_or_id: str | int) -> int:
    """Return a batch's row id; raise InputMissingError if there is no such batch."""
    found = _row_of(connection, name_or_id)
    if found is None:
        raise InputMissingError(f"There is no batch {name_or_id!r}. `sdq status` lists them.")
    return int(found.id)


def statuses_of(
    connection: Connection, query: Select[Any], recent: RecentFinishes | None = None
) -> list[BatchStatus]:
    """Return the status of the batches that a query selects, in its order. recent: None reads them."""
    rows = connection.execute(query).all()
    begun: dict[int, tuple[int, int]] = {}
    if any(row.open_slices for row in rows):
        counts = connection.execute(
            select(slices.c.batch_id, func.sum(slices.c.done), func.sum(slices.c.failed))
            # Of all batches: given some, SQLite prefers another index, in which it walks through all their slices.
            .where(slices.c.finished_at.is_(None), or_(slices.c.done > 0, slices.c.failed > 0))
            .group_by(slices.c.batch_id)
        )
        begun = {batch_id: (int(done), int(failed)) for batch_id, done, failed in counts}
    if rows and recent is None:
        recent = RecentFinishes.read(connection, now_utc())
    return [
        _status(row, begun.get(row.id, (0, 0)), recent.pace(row.id) if recent else None)
        for row in rows
    ]


def _status(row: Row[Any], begun: tuple[int, int], pace: Pace | None) -> BatchStatus:
    completed = row.images_done + begun[0]
    failed = row.images_failed + begun[1]
    remaining = row.images_total - completed - failed
    eta_s: float | None = None
    eta_range_s: tuple[float, float] | None = None
    if not row.open_slices:
        eta_s = 0.0
    elif pace and row.state == BatchState.ACTIVE:
        eta_s, eta_range_s = pace.time_for(remaining), pace.range_for(remaining)
    return BatchStatus(
        id=row.id,
        name=row.name,
        state=BatchState(row.state),
        rank=read_rank(row.options),
        source=row.source,
        created_at=row.created_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
        total=row.images_total,
        completed=completed,
        failed=failed,
        images_per_hour=pace.images_per_hour if pace else None,
        eta_s=eta_s,
        eta_range_s=eta_range_s,
    )
