"""What is known of batches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sdq_core.values.order import Rank


class BatchState(StrEnum):
    """Whether a batch is to be drawn."""

    ACTIVE = "active"
    PAUSED = "paused"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class BatchStatus:
    """A batch as `sdq status` shows it. Counts are of images; times are UTC.

    eta_s: time left at the pace of its recent images, s.
    eta_range_s: the same at the pace of their fastest and of their slowest quarter; None if they are too few.
    """

    id: int
    name: str
    state: BatchState
    rank: Rank
    source: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    total: int
    completed: int
    failed: int
    images_per_hour: float | None
    eta_s: float | None
    eta_range_s: tuple[float, float] | None = None
