"""Batches to show."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

from db.values import BatchState, BatchStatus
from sdq_core.queue.in_hand import InHand
from sdq_core.values.order import Rank

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

_ids = count(1)


def batch(
    name: str,
    *,
    done: int = 0,
    of: int = 1000,
    failed: int = 0,
    per_hour: float | None = 1234.5,
    left_s: tuple[float, float] | None = (2280, 2460),
    eta_s: float | None = None,
    state: BatchState = BatchState.ACTIVE,
) -> BatchStatus:
    return BatchStatus(
        id=next(_ids), name=name, state=state, rank=Rank(), source="-", created_at=NOON, started_at=NOON,
        completed_at=NOON if done + failed == of else None,
        total=of, completed=done, failed=failed, images_per_hour=per_hour,
        eta_s=sum(left_s) / 2 if left_s else eta_s, eta_range_s=left_s,
    )  # fmt: skip


def in_hand(
    batch: str = "b", *, prompt: str = "the sea", entry: int = 13, step: int = 12
) -> InHand:
    return InHand(batch=batch, entry=entry, seed=7, prompt=prompt, step=step, steps=20)
