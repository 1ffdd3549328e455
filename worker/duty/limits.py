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
    on_ac_only: whether to rest on battery power.
    pause_when_hot: whether to rest while the system says that it is hot (Macs only).
    """

    until: datetime | None = None
    max_s: float | None = None
    max_images: int | None = None
    hours: Hours | None = None
    on_ac_only: bool = False
    pause_when_hot: bool = False
