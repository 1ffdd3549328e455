"""What monitoring asks: the newest images, at a cost that does not grow with the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, true

from db.tables import batches, images, slices
from db.values import ImageStatus

#: How many of the newest images count.
_NEWEST = 200


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Counts of the ledger, and the newest images.

    done, failed: images of all batches by what became of them; one that two batches ask for counts in each.
    last_finished_at: when the newest of them was finished, UTC; None without any.
    drawing_s: the engine's time for each of the newest, s, in no order.
    """

    done: int = 0
    failed: int = 0
    last_finished_at: datetime | None = None
    drawing_s: Sequence[float] = ()


def _begun() -> ColumnElement[bool]:
    return and_(slices.c.finished_at.is_(None), or_(slices.c.done > 0, slices.c.failed > 0))


def measured(connection: Connection) -> Measured:
    """Return what is measured now."""
    counts = [
        connection.execute(select(func.sum(done), func.sum(failed)).where(condition)).one()
        for done, failed, condition in (
            (batches.c.images_done, batches.c.images_failed, true()),
            # A slice counts its own images until it is finished.
            (slices.c.done, slices.c.failed, _begun()),
        )
    ]
    # Ids rise with the first attempt, so the end of the table is the recent past.
    newest = select(images).order_by(images.c.id.desc()).limit(_NEWEST).subquery()
    rows = connection.execute(
        select(
            newest.c.finished_at,
            newest.c.text_encode_ms,
            newest.c.denoise_ms,
            newest.c.decode_ms,
            newest.c.safety_ms,
        ).where(newest.c.status == str(ImageStatus.DONE))
    ).all()
    return Measured(
        done=sum(int(done or 0) for done, _ in counts),
        failed=sum(int(failed or 0) for _, failed in counts),
        last_finished_at=max((row.finished_at for row in rows), default=None),
        drawing_s=[
            (row.text_encode_ms + row.denoise_ms + row.decode_ms + row.safety_ms) / 1000
            for row in rows
        ],
    )
