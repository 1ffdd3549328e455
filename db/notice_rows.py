"""Notes what is to be told of a batch, in the transaction in which it happens: neither is there without the other."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, literal, or_, select

from db.column_types import UtcTime
from db.recipe_rows import insert_into
from db.tables import batches, notices, recipes, slices
from db.values import BatchState, NoticeEvent


def note_start(connection: Connection, batch_id: int) -> None:
    """Note that a batch began, at the time that it has for that."""
    _note(connection, NoticeEvent.STARTED, _since(batches.c.started_at, batch_id))


def note_end(connection: Connection, batch_id: int) -> None:
    """Note that a batch ended, at the time that it has for that; nothing if it has none, or if that is noted."""
    _note(connection, NoticeEvent.COMPLETED, _since(batches.c.completed_at, batch_id))


def note_pause(connection: Connection, variant_id: int, batch_id: int, at: datetime) -> None:
    """Note for a batch, and for all that wait for the variant, that it was paused."""
    waiting = (
        select(slices.c.batch_id)
        .join_from(slices, recipes)
        .where(slices.c.finished_at.is_(None), recipes.c.variant_id == variant_id)
    )
    to_tell = select(batches.c.id, literal(at, UtcTime())).where(
        or_(batches.c.id == batch_id, batches.c.id.in_(waiting)),
        batches.c.state == str(BatchState.ACTIVE),
    )
    _note(connection, NoticeEvent.PAUSED, to_tell)


def _since(column: Any, batch_id: int) -> Select[Any]:
    return select(batches.c.id, column).where(batches.c.id == batch_id, column.is_not(None))


def _note(connection: Connection, event: NoticeEvent, batches_and_times: Select[Any]) -> None:
    rows = batches_and_times.add_columns(literal(str(event)))
    statement = insert_into(connection.dialect.name, notices)
    connection.execute(
        statement.from_select(["batch_id", "happened_at", "event"], rows).on_conflict_do_nothing()
    )
