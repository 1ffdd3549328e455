"""What ends a worker's duty, and when it rests in between."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sdq_core.values.hours import Hours


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of `sdq worker` and `sdq run`; None for no limit.

    until: when to end, aware.
    max_s: how long to work at most, s.
    max_images: how many images to draw at most.
    hours: when to draw; outside, the worker rests.
    """

    until: datetime | None = None
    max_s: float | None = None
    max_images: int | None = None
    hours: Hours | None = None
