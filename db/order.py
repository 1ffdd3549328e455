"""The order of batches in the ledger, from which a lost Redis gets it back: in a batch's options, as `order`.

    {"priority": "high", "place": 3}

A batch without it, such as any of sdq 0.1, has the rank of an ordinary one.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select, update

from db.tables import batches
from db.values import JSON, BatchState
from sdq_core.values.order import Priority, Rank


def read_rank(options: Mapping[str, JSON]) -> Rank:
    """Return the rank in a batch's options."""
    stored = options.get("order") or {}
    return Rank(
        priority=Priority(stored.get("priority", Priority.NORMAL)),
        place=int(stored.get("place", 0)),
    )


def ranks(connection: Connection) -> dict[int, Rank]:
    """Return the rank of each batch of which something is to be drawn, by its id."""
    rows = connection.execute(
        select(batches.c.id, batches.c.options).where(
            batches.c.state == str(BatchState.ACTIVE), batches.c.open_slices > 0
        )
    )
    return {batch_id: read_rank(options) for batch_id, options in rows}


def move(
    connection: Connection, batch_id: int, *, priority: Priority | None = None, to_front: bool
) -> Rank:
    """Give a batch a priority, the one it has by default, and a place among those that have it; return its rank.

    The place is before all others, or in line with them. The caller holds the submission lock.
    """
    query = select(batches.c.options).where(batches.c.id == batch_id)
    options = connection.execute(query).scalar_one()
    place = 0
    if to_front:
        unfinished = select(batches.c.options).where(batches.c.open_slices > 0)
        others = (read_rank(other) for other in connection.scalars(unfinished))
        place = 1 + max((rank.place for rank in others), default=0)
    rank = Rank(priority=priority or read_rank(options).priority, place=place)
    stored = {"priority": str(rank.priority), "place": rank.place}
    connection.execute(
        update(batches).where(batches.c.id == batch_id).values(options={**options, "order": stored})
    )
    return rank
