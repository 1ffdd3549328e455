"""What is being drawn, its pace, and how much that varied; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from db.ledger import Ledger
from db.pace import Pace
from db.values import BatchState
from tests.ledger.nights import draw
from tests.ledger.plans import plan

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(*seconds: float) -> list[datetime]:
    return [NOON + timedelta(seconds=each) for each in seconds]


def lately(minutes: float = 10) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


def test_the_pace_is_that_of_all_recent_images_and_its_spread_that_of_their_quarters() -> None:
    steady = Pace.of(at(*range(0, 90, 10)))
    assert steady is not None
    assert (steady.images_per_hour, steady.slowest, steady.fastest) == (360, 360, 360)
    assert (steady.time_for(36), steady.range_for(36)) == (360, (360, 360))
    # Two of 10 s, two of 20 s, two of 10 s and two of 40 s.
    uneven = Pace.of(reversed(at(0, 10, 20, 40, 60, 70, 80, 120, 160)))
    assert uneven is not None
    assert (uneven.images_per_hour, uneven.slowest, uneven.fastest) == (180, 90, 360)
    assert uneven.range_for(36) == (360, 1440)


def test_of_too_few_images_nothing_is_made_up() -> None:
    assert Pace.of([]) is None
    assert Pace.of(at(0)) is None
    assert Pace.of(at(0, 0, 0)) is None
    few = Pace.of(at(0, 10, 20))
    assert few == Pace(images_per_hour=360)
    assert few.range_for(1) is None
    assert Pace.of(at(0, 0, 0, 10, 20, 30, 40, 50, 60)) == Pace(images_per_hour=480)


def test_it_has_what_is_not_finished_the_oldest_first(ledger: Ledger) -> None:
    for name in ("done", "b", "cancelled", "paused", "waiting"):
        ledger.submissions.add(plan([name], range(20), name=name))
    ledger.batches.set_state("cancelled", BatchState.CANCELLED)
    ledger.batches.set_state("paused", BatchState.PAUSED)
    draw(ledger, "done", "D" * 20, begin=lately(14), every_s=20)
    draw(ledger, "b", "DDDDDDDDDDF", begin=lately(10), every_s=20)
    overview = ledger.batches.overview()
    assert [batch.name for batch in overview.batches] == ["b", "paused", "waiting"]
    b = overview.batches[0]
    assert b == ledger.batches.find("b")
    assert (b.completed, b.failed, b.images_per_hour) == (10, 1, pytest.approx(180))
    assert b.eta_range_s == (pytest.approx(180), pytest.approx(180))
    assert overview.last_path == "b/00001/00001-9.png"
    # From b's first image on; eight of the other batch came in that time.
    assert overview.pace is not None
    assert overview.pace.images_per_hour == pytest.approx((10 + 8 - 1) / 180 * 3600, rel=0.1)


def test_of_one_batch_it_is_the_batchs_own_however_it_stands(ledger: Ledger) -> None:
    for name in ("done", "b"):
        ledger.submissions.add(plan([name], range(20), name=name))
    draw(ledger, "done", "D" * 20, begin=lately(14), every_s=10)
    draw(ledger, "b", "D" * 5, begin=lately(5), every_s=20)
    done = ledger.batches.find("done")
    assert done is not None
    overview = ledger.batches.overview(done.id)
    assert overview.batches == [done]
    assert done.images_per_hour == pytest.approx(360)
    assert overview.last_path == "done/00001/00001-19.png"
    assert ledger.batches.overview(12345).batches == []


def test_what_was_drawn_long_ago_tells_nothing_about_now(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["b"], range(20), name="b"))
    draw(ledger, "b", "D" * 10, begin=lately(60), every_s=10)
    overview = ledger.batches.overview()
    assert (overview.pace, overview.last_path, overview.batches[0].eta_s) == (None, None, None)
