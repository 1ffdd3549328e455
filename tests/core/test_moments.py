"""Times as people write them, in zones that change their clocks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sdq_core.errors import UsageError
from sdq_core.values.moments import local_midnight, past_moment
from tests.core.zone import utc

pytestmark = pytest.mark.usefixtures("berlin")


@pytest.mark.parametrize(
    ("written", "now", "meant"),
    [
        ("22:00", "2026-11-26 06:00", "2026-11-25 21:00"),
        ("22:00", "2026-11-26 21:00", "2026-11-26 21:00"),
        ("22:00", "2026-11-26 20:59:59", "2026-11-25 21:00"),
        (" 7:05:30 ", "2026-07-01 12:00", "2026-07-01 05:05:30"),
        ("2026-11-25", "2026-11-26 06:00", "2026-11-24 23:00"),
        ("2026-11-25T22:00", "2026-11-26 06:00", "2026-11-25 21:00"),
        ("2026-11-25 22:00:30", "2026-11-26 06:00", "2026-11-25 21:00:30"),
        ("2026-11-25T22:00Z", "2026-11-26 06:00", "2026-11-25 22:00"),
        ("2026-11-25T22:00+09:00", "2026-11-26 06:00", "2026-11-25 13:00"),
        ("12h", "2026-11-26 06:00", "2026-11-25 18:00"),
        ("1.5 H", "2026-11-26 06:00", "2026-11-26 04:30"),
        ("90min", "2026-11-26 06:00", "2026-11-26 04:30"),
        ("2d", "2026-11-26 06:00", "2026-11-24 06:00"),
        # The evening before the clocks change: 22:00 summer time is 20:00 UTC.
        ("22:00", "2026-10-25 06:00", "2026-10-24 20:00"),
        # 02:30 comes twice, at 00:30 and 01:30 UTC: the last that has passed.
        ("02:30", "2026-10-25 06:00", "2026-10-25 01:30"),
        ("02:30", "2026-10-25 01:00", "2026-10-25 00:30"),
        # 02:30 does not come: the moment after the gap.
        ("02:30", "2026-03-29 06:00", "2026-03-29 01:30"),
        ("22:00", "2026-03-29 06:00", "2026-03-28 21:00"),
    ],
)
def test_a_time_is_the_last_one_meant(written: str, now: str, meant: str) -> None:
    assert past_moment(written, utc(now)) == utc(meant)


@pytest.mark.parametrize(
    "written",
    [
        "", "soon", "22", "24:00", "22:60", "22:00Z", "2026-11", "2026-13-01", "2026-02-30", "12", "-3h", "h", "1e9h",
        "999999w", "0001-01-01", "12h ago", "22.00", "\x1b[2J",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_in_a_sentence(written: str) -> None:
    with pytest.raises(UsageError, match="is not a time: write 22:00") as refused:
        past_moment(written, utc("2026-11-26 06:00"))
    assert "\n" not in str(refused.value)
    assert "\x1b" not in str(refused.value)


def test_a_time_to_come_is_refused() -> None:
    with pytest.raises(UsageError, match="'2026-11-27' is in the future"):
        past_moment("2026-11-27", utc("2026-11-26 06:00"))


@pytest.mark.parametrize(
    ("moment", "midnight"),
    [
        ("2026-11-25 22:59", "2026-11-24 23:00"),
        ("2026-11-25 23:00", "2026-11-25 23:00"),
        ("2026-10-25 12:00", "2026-10-24 22:00"),
    ],
)
def test_a_day_begins_at_local_midnight(moment: str, midnight: str) -> None:
    found = local_midnight(utc(moment))
    assert found == utc(midnight)
    assert found.utcoffset() == timedelta(0)
