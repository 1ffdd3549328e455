"""Past moments as people write them: 22:00, 2026-11-25, 2026-11-25T22:00 or 12h. Local unless a zone is written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

from sdq_core.errors import UsageError
from sdq_core.printable import quote
from sdq_core.values.hours import time_of_day

_AGO = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?(s|min|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def past_moment(text: str, now: datetime) -> datetime:
    """Return the moment in UTC; raise UsageError for a text that is not a time, or one in the future.

    now: aware. A time of day is the last one that has passed; a duration is that long before now; a date is its
    midnight.
    """
    moment = read_moment(text, now)
    if moment is None:
        raise UsageError(
            f"{quote(text)} is not a time: write 22:00, 2026-11-25, 2026-11-25T22:00 or 12h."
        )
    if moment > now:
        raise UsageError(f"{quote(text)} is in the future: name a time that has passed.")
    return moment


def read_moment(text: str, now: datetime) -> datetime | None:
    """Return the moment in UTC as `past_moment` does, or a future one; None for a text that is not a time."""
    text = text.strip()
    if clock := time_of_day(text):
        return _last(clock, now)
    try:
        if ago := _AGO.fullmatch(text.lower()):
            return now.astimezone(UTC) - timedelta(seconds=float(ago[1]) * _SECONDS[ago[2]])
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError, OSError):  # OSError: no local time that long ago
        return None


def local_midnight(moment: datetime) -> datetime:
    """Return the beginning of the moment's day in the local zone, in UTC."""
    return datetime.combine(moment.astimezone().date(), time()).astimezone(UTC)


def _last(clock: time, now: datetime) -> datetime:
    """Return when a clock on the wall last showed this time.

    Both folds are tried: in autumn 02:30 comes twice, and the last one counts. In spring it does not come, and the
    moment after the gap stands for it.
    """
    today = now.astimezone().date()
    shown = (
        datetime.combine(today - timedelta(days=days), clock.replace(fold=fold)).astimezone(UTC)
        for days in range(3)
        for fold in (0, 1)
    )
    return max(moment for moment in shown if moment <= now)
