"""What a submission adds; on SQLite and on PostgreSQL."""

from __future__ import annotations

from db.ledger import Ledger
from db.values import BatchState, Slice
from tests.ledger.plans import ENGINE, plan, record


def slices_of(ledger: Ledger) -> list[Slice]:
    found = [ledger.work.load_slice(ref.id) for ref in ledger.work.open_slices()]
    return [slice_ for slice_ in found if slice_]


def test_the_same_plan_again_adds_nothing(ledger: Ledger) -> None:
    first = ledger.submissions.add(plan(["a", "b"], range(60)))
    assert (first.images_new, len(first.slices)) == (120, 6)
    assert sorted(len(slice_.seeds) for slice_ in slices_of(ledger)) == [10, 10, 25, 25, 25, 25]
    again = ledger.submissions.add(plan(["a", "b"], range(60)))
    assert (again.batch_id, again.images_new, again.images_known) == (first.batch_id, 0, 120)
    assert not again.slices
    assert len(ledger.work.open_slices()) == 6


def test_a_grown_plan_adds_only_what_is_new(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a"], range(10)))
    grown = ledger.submissions.add(plan(["a", "b"], range(5, 20)))
    assert (grown.images_new, grown.images_known) == (25, 5)
    assert list(grown.new_of) == [10, 15]
    seeds = [
        seed for slice_ in slices_of(ledger) if slice_.recipe.prompt == "a" for seed in slice_.seeds
    ]
    assert sorted(seeds) == list(range(20))
    status = ledger.batches.find("prompts")
    assert status is not None
    assert status.total == 35


def test_another_file_of_the_same_name_is_another_batch(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a"], [1]))
    other = ledger.submissions.add(plan(["b"], [1], source="/there/prompts.txt"))
    named = ledger.submissions.add(plan(["c"], [1], name="prompts", source="-"))
    assert other.batch_name == "prompts-2"
    assert named.batch_name == "prompts"


def test_images_drawn_for_another_batch_are_not_drawn_again(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a"], range(3), name="one"))
    (slice_,) = slices_of(ledger)
    engine_id = ledger.work.register_engine(ENGINE)
    for seed in slice_.seeds:
        ledger.work.note_attempts(slice_.recipe_id, [seed], engine_id=engine_id)
        ledger.work.record_and_go_on(record(slice_, seed, engine_id))
    assert ledger.work.finish_slice(slice_.id)
    second = ledger.submissions.add(plan(["a"], range(3), name="two"))
    assert (second.images_new, second.images_drawn, len(second.slices)) == (0, 3, 0)
    third = ledger.submissions.preview(plan(["b", "a"], range(5), name="two"))
    assert (third.images_new, third.images_known, list(third.new_of)) == (7, 3, [5, 2])
    status = ledger.batches.find("two")
    assert status is not None
    assert (status.completed, status.completed_at is not None) == (3, True)
    assert [image.seed for image in ledger.batches.images("two")] == [0, 1, 2]


def test_a_name_is_found_without_what_is_not_seen(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a"], range(3), name="café one"))
    for name in (" café one", "cafe\u0301 one\u200b", "café\u00a0one\ufeff"):
        assert ledger.batches.find(name) is not None
    assert ledger.batches.find("café\u200done") is None
    assert ledger.batches.find("\u200b") is None


def test_a_preview_stores_nothing(ledger: Ledger) -> None:
    assert ledger.submissions.preview(plan(["a"], range(30))).images_new == 30
    assert ledger.batches.statuses() == []
    assert ledger.work.open_slices() == []


def test_cancelled_batches_are_not_dispatched_until_submitted_again(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a"], range(3)))
    ledger.batches.set_state("prompts", BatchState.CANCELLED)
    assert ledger.work.open_slices() == []
    ledger.submissions.add(plan(["a"], range(3)))
    assert len(ledger.work.open_slices()) == 1
