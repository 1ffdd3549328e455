"""Times of day and hours, in a zone that changes its clocks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sdq_core.errors import UsageError
from sdq_core.values.hours import Hours, next_moment
from tests.core.zone import utc

pytestmark = pytest.mark.usefixtures("berlin")


@pytest.mark.parametrize(
    ("written", "now", "meant"),
    [
        ("07:00", "2026-11-25 21:00", "2026-11-26 06:00"),
        (" 7:00 ", "2026-11-26 05:59:59", "2026-11-26 06:00"),
        ("07:00", "2026-11-26 06:00", "2026-11-27 06:00"),
        ("07:00:30", "2026-11-26 06:00:10", "2026-11-26 06:00:30"),
        ("00:00", "2026-11-26 06:00", "2026-11-26 23:00"),
        # A night in which the clocks change is an hour shorter, or longer.
        ("07:00", "2026-03-28 21:00", "2026-03-29 05:00"),
        ("07:00", "2026-10-24 20:00", "2026-10-25 06:00"),
        # 02:30 does not come: the end of the gap.
        ("02:30", "2026-03-28 21:00", "2026-03-29 01:00"),
        # 02:30 comes twice: the next one.
        ("02:30", "2026-10-24 20:00", "2026-10-25 00:30"),
        ("02:30", "2026-10-25 00:40", "2026-10-25 01:30"),
        ("02:30", "2026-10-25 01:30", "2026-10-26 01:30"),
    ],
)
def test_a_time_of_day_is_the_next_one(written: str, now: str, meant: str) -> None:
    assert next_moment(written, utc(now)) == utc(meant)


@pytest.mark.parametrize(
    "written", ["", "7", "24:00", "07:60", "7 am", "07:00Z", "-1:00", "\x1b[2J"]
)
def test_what_is_no_time_of_day_is_refused_in_a_sentence(written: str) -> None:
    with pytest.raises(UsageError, match="is not a time of day: write 07:00") as refused:
        next_moment(written, utc("2026-11-26 06:00"))
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize("written", ["", "22:00", "22:00-", "22:00-25:00", "22:00-07:00-08:00"])
def test_what_are_no_hours_is_refused_in_a_sentence(written: str) -> None:
    with pytest.raises(UsageError, match=r"are not hours: write 22:00-07:00\."):
        Hours.parse(written)


def test_hours_that_never_begin_are_refused() -> None:
    with pytest.raises(UsageError, match="never begin"):
        Hours.parse("22:00-22:00")


def drawn_in(hours: str, begin: str, end: str) -> timedelta:
    """How long a worker with these hours draws between two moments."""
    window, moment, step = Hours.parse(hours), utc(begin), timedelta(minutes=1)
    minutes = 0
    while moment < utc(end):
        minutes += window.contain(moment)
        moment += step
    return minutes * step


@pytest.mark.parametrize(
    ("hours", "day", "drawn"),
    [
        ("22:00-07:00", "2026-11-26", 9.0),
        ("09:00-17:00", "2026-11-26", 8.0),
        ("00:00-00:01", "2026-11-26", 1 / 60),
        ("22:00-07:00", "2026-03-29", 8.0),  # the clocks skip an hour of it
        ("22:00-07:00", "2026-10-25", 10.0),  # and show one twice
        ("22:00-02:30", "2026-03-29", 4.0),  # ends at the gap
        ("02:30-04:00", "2026-03-29", 1.0),  # begins at its end
        ("02:30-04:00", "2026-10-25", 2.0),  # begins, rests and begins again
    ],
)
def test_hours_follow_the_clock_on_the_wall(hours: str, day: str, drawn: float) -> None:
    noon = utc(f"{day} 11:00")
    before = noon - timedelta(days=1)
    found = drawn_in(hours, before.strftime("%F %T"), noon.strftime("%F %T"))
    assert found == timedelta(hours=drawn)


def test_hours_are_shown_as_they_are_written() -> None:
    assert str(Hours.parse("22:00 - 7:00")) == "22:00-07:00"
