"""A summary's times for its reader: in the local zone, and as bars of equal length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.summaries.timeline import STEPS_S
from db.summaries.values import Summary
from db.values import BatchState

_DAY_S = 86400
#: Distances of an axis's ticks that are no steps.
_TICKS_S = sorted({*STEPS_S, 1800, 2 * 3600, 6 * 3600, 2 * _DAY_S})
_UNITS = (
    (7 * _DAY_S, "week", "weeks"),
    (_DAY_S, "day", "days"),
    (3600, "hour", "h"),
    (60, "minute", "min"),
    (1, "second", "s"),
)


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A stretch of time with its settled images, which may be none."""

    begin: datetime
    end: datetime
    done: int
    failed: int


def day_and_time(moment: datetime) -> str:
    """Return `Wed 25 Nov 22:04`, local."""
    return moment.astimezone().strftime("%a %-d %b %H:%M")


def with_year(moment: datetime) -> str:
    """Return `Wed 25 Nov 2026 22:04`, local."""
    return moment.astimezone().strftime("%a %-d %b %Y %H:%M")


def zone(moment: datetime) -> str:
    """Return the local zone then, as `CET (UTC+01:00)`."""
    local = moment.astimezone()
    name = local.tzname() or ""
    offset = local.strftime("%z")
    offset = f"UTC{offset[:3]}:{offset[3:5]}"
    # Some zones have no name but their offset.
    return "UTC" if name == "UTC" else f"{name} ({offset})" if name.isalpha() else offset


def zones(summary: Summary) -> str:
    """Return the zone of the images' times; two if clocks were set in between."""
    moments = [moment for moment in (summary.first, summary.last) if moment]
    return ", then ".join(dict.fromkeys(map(zone, moments or [summary.made_at])))


def stretch(begin: datetime, end: datetime, *, year: bool = False) -> str:
    """Return two moments as `Wed 25 Nov 22:04 to Thu 26 Nov 06:51`, local; the day only once if it is the same.

    year: with the year of the first.
    """
    same_day = begin.astimezone().date() == end.astimezone().date()
    first = with_year(begin) if year else day_and_time(begin)
    return f"{first} to {end.astimezone().strftime('%H:%M') if same_day else day_and_time(end)}"


def clock(moment: datetime, step_s: int) -> str:
    """Return a time of day as exactly as steps of a length need it, the day if they are that long."""
    local = moment.astimezone()
    if step_s >= _DAY_S:
        # The days after a change of clocks begin an hour off.
        return (local + timedelta(hours=2)).strftime("%-d %b")
    return local.strftime("%H:%M:%S" if step_s < 60 else "%H:%M")


def step_words(step_s: int) -> str:
    """Return the length of a step after "each": `15 min`, or `hour`."""
    unit_s, one, many = next(unit for unit in _UNITS if step_s >= unit[0])
    return one if step_s == unit_s else f"{step_s // unit_s} {many}"


def bars(summary: Summary, most: int) -> tuple[int, Sequence[Bar]]:
    """Return a summary's time in steps without gaps, about `most` of them at most, and their length in s.

    It begins with the time asked for, if there was a batch then, or else the first image; it ends with the last image,
    or now if any are still to come.
    """
    if summary.first is None or summary.last is None:
        return summary.step_s, []
    begin = summary.first
    if summary.since is not None:
        submitted = min(part.status.created_at for part in summary.parts)
        begin = min(begin, max(summary.since, submitted))
    coming = any(
        part.status.completed_at is None and part.status.state is BatchState.ACTIVE
        for part in summary.parts
    )
    end = max(summary.made_at, summary.last) if coming else summary.last
    span_s = (end - begin).total_seconds()
    step_s = next(
        (step for step in STEPS_S if step >= summary.step_s and span_s / step <= most), STEPS_S[-1]
    )
    step = timedelta(seconds=step_s)
    first, last = ((moment - summary.steps_from) // step for moment in (begin, end))
    done = dict.fromkeys(range(first, last + 1), 0)
    failed = dict(done)
    for slot in summary.slots:
        number = max(first, min(last, (slot.begin - summary.steps_from) // step))
        done[number] += slot.done
        failed[number] += slot.failed
    return step_s, [
        Bar(
            begin=summary.steps_from + number * step,
            end=summary.steps_from + (number + 1) * step,
            done=done[number],
            failed=failed[number],
        )
        for number in done
    ]


def ticks(summary: Summary, shown: Sequence[Bar], most: int) -> Sequence[tuple[datetime, str]]:
    """Return the moments to name on an axis of bars, at most about `most`, with their names."""
    begin, end = shown[0].begin, shown[-1].end
    span_s = (end - begin).total_seconds()
    tick_s = next((tick for tick in _TICKS_S if span_s / tick <= most), _TICKS_S[-1])
    tick = timedelta(seconds=tick_s)
    number = -((summary.steps_from - begin) // tick)
    found = []
    while (moment := summary.steps_from + number * tick) < end:
        midnight = moment.astimezone().strftime("%H%M") == "0000"
        found.append((moment, clock(moment, _DAY_S if midnight and span_s > _DAY_S else tick_s)))
        number += 1
    return found
