"""Times of day: 07:00 as people write it, when a clock shows it next, and hours such as 22:00-07:00.

Hours are a predicate of the wall clock, never a timer: a machine that slept, a clock that was set and a night in which
02:30 is missing or comes twice need no case of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sdq_core.errors import UsageError
from sdq_core.printable import quote

_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")
_MINUTE = timedelta(minutes=1)


def time_of_day(text: str) -> time | None:
    """Read 7:00, 22:00 or 22:00:30; None for anything else."""
    if clock := _CLOCK.fullmatch(text.strip()):
        hour, minute, second = (int(part or 0) for part in clock.groups())
        return time(hour, minute, second)
    return None


def next_moment(text: str, now: datetime) -> datetime:
    """Return when the local clock shows a time of day next, in UTC; raise UsageError for a text that is not one.

    A time that the clock skips counts as shown at the end of the gap; of one that comes twice, the next counts.

    now: aware.
    """
    clock = time_of_day(text)
    if clock is None:
        raise UsageError(f"{quote(text)} is not a time of day: write 07:00 or 22:30.")
    return _next_shown(clock, now)


@dataclass(frozen=True, kw_only=True)
class Hours:
    """Hours of every day, from `begin` until just before `end`, by the wall clock; they may span midnight."""

    begin: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Hours:
        """Read 22:00-07:00; raise UsageError if it is not that, or never begins."""
        begin, _, end = text.partition("-")
        first, last = time_of_day(begin), time_of_day(end)
        if first is None or last is None:
            raise UsageError(f"{quote(text)} are not hours: write 22:00-07:00.")
        if first == last:
            raise UsageError(
                f"The hours {quote(text)} never begin: write two different times, or none for all day."
            )
        return cls(begin=first, end=last)

    def contain(self, moment: datetime) -> bool:
        """Whether the local clock shows a time within these hours. moment: aware."""
        shown = moment.astimezone().time()
        if self.begin < self.end:
            return self.begin <= shown < self.end
        return shown >= self.begin or shown < self.end

    def __str__(self) -> str:
        """As it is written: 22:00-07:00."""
        return f"{_short(self.begin)}-{_short(self.end)}"


def _next_shown(clock: time, now: datetime) -> datetime:
    """Follow the clock minute by minute, in UTC: where the local clock jumps is then nothing special."""
    wanted = clock.replace(second=0)
    moment = now.astimezone(UTC).replace(second=0, microsecond=0) - 2 * _MINUTE
    before = moment.astimezone()
    while True:
        moment += _MINUTE
        after = moment.astimezone()
        passed, reached = before.time() < wanted, wanted <= after.time()
        if (passed and reached) if before.date() == after.date() else (passed or reached):
            shown = moment + timedelta(seconds=clock.second)
            if shown > now:
                return shown
        before = after


def _short(clock: time) -> str:
    return clock.isoformat("seconds" if clock.second else "minutes")
