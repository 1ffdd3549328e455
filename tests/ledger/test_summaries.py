"""A summary's numbers are those of the ledger, however it was paged; on both databases."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.ledger import Ledger
from db.summaries import collector
from db.summaries.causes import Causes
from db.summaries.sample import EvenSample
from db.summaries.timeline import STEPS_S, Timeline
from db.values import BatchState
from sdq_core.errors import InputMissingError
from tests.ledger.nights import EVENING, draw
from tests.ledger.plans import ENGINE, VARIANT, plan


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "_SLICES_AT_ONCE", 3)


def test_all_numbers_are_the_ledgers(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a", "b", "c"], range(10), name="night", slice_size=4))
    endings = "DDsDDrDDFD" + "DnDDDDFDDD" + "cccccccccc"
    times = draw(ledger, "night", endings)
    summary = ledger.summaries.of("night")
    status = ledger.batches.find("night")
    assert status is not None
    assert summary.batch == status
    assert (summary.done, summary.failed, summary.open) == (status.completed, status.failed, 0)
    assert (summary.done, summary.failed) == (28, 2)
    assert (summary.first, summary.last) == (times[0], times[-1])
    assert sum(slot.done for slot in summary.slots) == 28
    assert sum(slot.failed for slot in summary.slots) == 2
    assert summary.images_per_hour == pytest.approx(27 / (29 * 20) * 3600)

    drawn = list(ledger.batches.images("night"))
    sums = summary.times
    for stage in ("text_encode", "denoise", "decode", "safety", "encode", "save"):
        name = f"{stage}_ms"
        assert getattr(sums, name) == pytest.approx(sum(getattr(i.image, name) for i in drawn))
    assert sums.unet_calls == sum(image.image.num_unet_calls for image in drawn)
    assert sums.size_bytes == sum(image.image.size_bytes for image in drawn)
    assert (sums.images, sums.retried, sums.flagged) == (28, 1, 1)

    (one,) = summary.drawn_by
    assert (one.variant, one.host, one.engines) == (VARIANT, ENGINE.host, 1)
    assert (one.times, one.load_ms) == (sums, ENGINE.load_ms)
    (cause,) = summary.causes
    assert (cause.count, dict(cause.images)) == (2, {"night": 2})
    assert [(f.entry, f.seed) for f in summary.failed_images] == [(1, 8), (2, 6)]
    assert [f.error for f in summary.failed_images] == [
        f.error for f in ledger.batches.failed_images("night")
    ]
    assert (summary.slowest[0].entry, summary.slowest[0].seed) == (1, 2)
    assert [shown.seed for shown in summary.flagged] == [1]
    assert [cut.entry for cut in summary.cut_prompts] == ledger.batches.cut_prompts("night") == [3]
    assert (summary.cut_count, summary.cut_prompts[0].tokens) == (1, 5)
    assert summary.sample == drawn


def test_images_that_were_drawn_for_another_batch_are_told_apart(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a"], range(6), name="one"))
    draw(ledger, "one", "DDDDDF")
    ledger.submissions.add(plan(["a", "b"], range(6), name="two", slice_size=4))
    draw(ledger, "two", "D" * 12)
    summary = ledger.summaries.of("two")
    assert (summary.done, summary.failed) == (11, 1)
    assert (summary.times.images, summary.drawn_before) == (6, 5)
    assert [cause.count for cause in summary.causes] == [1]
    assert len(summary.sample) == 11
    assert {shown.batch_name for shown in summary.sample} == {"two"}
    assert {shown.entry for shown in summary.sample} == {1, 2}


def test_since_a_time_count_the_images_settled_since_then(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a", "b"], range(8), name="early"))
    draw(ledger, "early", "DDDDFDDD", begin=EVENING - timedelta(hours=5))
    draw(ledger, "early", "DDDFDDDD", begin=EVENING)
    ledger.submissions.add(plan(["c"], range(4), name="late"))
    draw(ledger, "late", "DF", begin=EVENING + timedelta(hours=1))
    ledger.submissions.add(plan(["d"], range(4), name="off"))
    ledger.batches.set_state("off", BatchState.CANCELLED)
    with ledger._database.writing() as connection:  # submitted before the evening
        connection.exec_driver_sql("UPDATE batches SET created_at = 0 WHERE name = 'off'")

    summary = ledger.summaries.of(since=EVENING)
    assert summary.batch is None
    assert (summary.done, summary.failed) == (8, 2)
    assert [(p.status.name, p.done, p.failed) for p in summary.parts] == [
        ("early", 7, 1),
        ("late", 1, 1),
    ]
    assert [dict(cause.images) for cause in summary.causes] == [{"early": 1, "late": 1}]
    assert {(s.batch_name, s.entry) for s in summary.sample} == {("early", 2), ("late", 1)}
    assert summary.first == EVENING
    of_one = ledger.summaries.of("late", since=EVENING)
    assert (of_one.done, of_one.failed, of_one.open) == (1, 1, 2)
    nothing = ledger.summaries.of(since=EVENING + timedelta(days=1))
    assert (nothing.done, nothing.failed, nothing.slots, nothing.sample) == (0, 0, [], [])


def test_a_batch_without_images_and_one_that_is_not_there(ledger: Ledger) -> None:
    with pytest.raises(InputMissingError, match="no batch 'night'"):
        ledger.summaries.of("night")
    assert ledger.summaries.of(since=EVENING).parts == []
    ledger.submissions.add(plan(["a"], range(3), name="night"))
    summary = ledger.summaries.of("night")
    assert (summary.done, summary.failed, summary.open) == (0, 0, 3)
    assert (summary.first, summary.images_per_hour, summary.longest_gap) == (None, None, None)
    for found in (summary.slots, summary.causes, summary.slowest, summary.drawn_by):
        assert found == []


def test_what_is_shown_of_single_images_is_bounded(ledger: Ledger) -> None:
    ledger.submissions.add(plan([f"{i}" for i in range(40)], range(5), name="many", slice_size=5))
    draw(ledger, "many", "ccccc" * 12 + "snDFD" * 28)
    summary = ledger.summaries.of("many")
    assert (summary.done, summary.failed) == (172, 28)
    for shown in (summary.slowest, summary.flagged, summary.failed_images, summary.cut_prompts):
        assert len(shown) == collector.MOST_SHOWN
    assert {shown.drawing_ms for shown in summary.slowest} == {905.5}
    assert (summary.times.flagged, summary.cut_count) == (28, 12)
    assert len(summary.sample) == collector.MOST_SAMPLED
    entries = [shown.entry for shown in summary.sample]
    assert entries == sorted(entries)
    assert max(b - a for a, b in pairwise(entries)) <= 2


@given(st.lists(st.integers(0, 90), max_size=300), st.integers(1, 9))
def test_a_sample_is_spread_evenly(sizes: list[int], most: int) -> None:
    sample: EvenSample[int] = EvenSample(most)
    begins = [0]
    for number, size in enumerate(sizes):
        sample.pass_by(number, size)
        begins.append(begins[-1] + size)
    total = begins[-1]
    chosen = [begins[group] + offset for group, offset in sample.chosen()]
    assert len(chosen) == min(most, total)
    assert all(offset < sizes[group] for group, offset in sample.chosen())
    for number, place in enumerate(chosen):
        assert abs(place - number * total / len(chosen)) <= total / len(chosen) / 4 + 1


@given(st.lists(st.integers(0, 10**8), min_size=1, max_size=2000))
def test_a_timeline_keeps_counts_and_ends_however_long_it_is(seconds: list[int]) -> None:
    timeline = Timeline(EVENING)
    for second in seconds:
        moment = EVENING + timedelta(seconds=second)
        timeline.add(
            second // timeline.step_s, timeline.step_s, done=1, failed=0, first=moment, last=moment
        )
    slots = timeline.slots()
    assert timeline.step_s in STEPS_S
    assert sum(slot.done for slot in slots) == len(seconds)
    assert slots[0].first == EVENING + timedelta(seconds=min(seconds))
    assert slots[-1].last == EVENING + timedelta(seconds=max(seconds))
    step = timedelta(seconds=timeline.step_s)
    for slot in slots:
        assert slot.begin <= slot.first <= slot.last < slot.begin + step
        assert (slot.begin - EVENING) % step == timedelta(0)
    assert len(slots) <= 600 or timeline.step_s == STEPS_S[-1]


def test_each_step_divides_the_next() -> None:
    assert all(b % a == 0 for a, b in pairwise(STEPS_S))


def test_the_longest_pause_is_exact(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a"], range(50), name="night", slice_size=5))
    before = draw(ledger, "night", "D" * 20)
    after = draw(ledger, "night", "D" * 30, begin=EVENING + timedelta(hours=2, seconds=7))
    assert ledger.summaries.of("night").longest_gap == (before[-1], after[0])


def test_errors_that_differ_in_numbers_are_one_cause() -> None:
    causes = Causes()
    for error in ("died at 0x7f00, 1.5 s", "died at 0x12ab,  22 s", "hung"):
        causes.add("a", error)
    causes.add("b", "died at 0x0, 3 s")
    (died, hung), others = causes.most_frequent(2)
    assert (died.error, died.count, dict(died.images)) == (
        "died at 0x7f00, 1.5 s",
        3,
        {"a": 2, "b": 1},
    )
    assert (hung.count, others) == (1, 0)
    for letter in range(600):
        causes.add("a", f"kind {'x' * (letter + 1)}")
    few, others = causes.most_frequent(2)
    assert sum(cause.count for cause in few) + others == 604
