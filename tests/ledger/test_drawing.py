"""Attempts, images, failures and finished slices; on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from threading import Thread

import pytest
from sqlalchemy import select

from db.ledger import Ledger
from db.tables import images
from db.values import BatchState, ImageStatus, Recorded, Slice, Standing
from sdq_core.errors import ConfigurationError, InputMissingError, ServiceUnavailableError
from tests.ledger.plans import ENGINE, VARIANT, plan, record


@pytest.fixture
def slice_(ledger: Ledger) -> Slice:
    """An open slice of three images."""
    submission = ledger.submissions.add(plan(["a"], range(3)))
    slice_ = ledger.work.load_slice(submission.slices[0].id)
    assert slice_ is not None
    return slice_


@pytest.fixture
def engine_id(ledger: Ledger) -> int:
    """A registered engine."""
    return ledger.work.register_engine(ENGINE)


def test_attempts_are_counted_and_forgiven(ledger: Ledger, slice_: Slice, engine_id: int) -> None:
    for expected in (1, 2):
        assert ledger.work.note_attempts(slice_.recipe_id, [0], engine_id=engine_id) == {
            0: expected
        }
    ledger.work.forgive_attempt(slice_.recipe_id, 0)
    assert ledger.work.progress(slice_).attempts == {0: 1}
    assert ledger.work.progress(slice_).settled == {}


def test_a_done_image_stays_done(ledger: Ledger, slice_: Slice, engine_id: int) -> None:
    ledger.work.note_attempts(slice_.recipe_id, [0], engine_id=engine_id)
    assert ledger.work.record_and_go_on(record(slice_, 0, engine_id)).new is True
    assert ledger.work.record_and_go_on(record(slice_, 0, engine_id)).new is False
    ledger.work.record_failure(
        slice_.recipe_id, 0, slice_id=slice_.id, engine_id=engine_id, error="late", final=True
    )
    assert ledger.work.progress(slice_).settled == {0: ImageStatus.DONE}
    assert ledger.work.note_attempts(slice_.recipe_id, [0], engine_id=engine_id) == {}


@pytest.mark.parametrize("begun", [0, 2])
def test_one_commit_records_an_image_and_counts_the_one_that_was_begun(
    ledger: Ledger, slice_: Slice, engine_id: int, begun: int
) -> None:
    ledger.work.note_attempts(slice_.recipe_id, [1], engine_id=engine_id, slice_id=slice_.id)
    image = record(slice_, 1, engine_id)
    first = ledger.work.record_and_go_on(image, begun=begun)
    assert first == Recorded(new=True, wanted=True, begun={begun: 1}, upcoming=Standing())
    assert ledger.work.progress(slice_).settled == {1: ImageStatus.DONE}
    assert ledger.work.progress(slice_).attempts == {1: 1, begun: 1}
    assert ledger.batches.find("prompts\0") is None
    status = ledger.batches.find("prompts")
    assert status is not None
    assert status.completed == 1
    again = ledger.work.record_and_go_on(image, begun=begun)
    assert again == Recorded(new=False, wanted=True, begun={begun: 2}, upcoming=Standing())


def test_an_image_that_is_settled_is_not_begun(
    ledger: Ledger, slice_: Slice, engine_id: int
) -> None:
    ledger.work.record_and_go_on(record(slice_, 2, engine_id))
    recorded = ledger.work.record_and_go_on(record(slice_, 1, engine_id), begun=2)
    assert recorded == Recorded(new=True, wanted=True, begun={}, upcoming=Standing())


def test_the_next_image_is_reserved_in_the_same_commit(
    ledger: Ledger, slice_: Slice, engine_id: int
) -> None:
    other = ledger.submissions.add(plan(["a tent"], range(3), name="other")).slices[0].id
    first = ledger.work.record_and_go_on(record(slice_, 0, engine_id), begun=1, upcoming=2)
    assert first.begun == {1: 1}
    assert first.upcoming == Standing(slice_id=slice_.id)
    assert ledger.work.progress(slice_).attempts == {0: 1, 1: 1, 2: 0}
    assert ledger.work.reserve(slice_.recipe_id, 2, slice_id=other) == Standing(slice_id=slice_.id)
    second = ledger.work.record_and_go_on(record(slice_, 1, engine_id), begun=2, upcoming=0)
    assert second.begun == {2: 1}
    assert second.upcoming.settled


def test_an_image_that_one_slice_has_is_not_begun_for_another(
    ledger: Ledger, slice_: Slice, engine_id: int
) -> None:
    other = ledger.submissions.add(plan(["a tent"], range(3), name="other")).slices[0].id
    image = slice_.recipe_id, 0
    assert ledger.work.reserve(*image, slice_id=slice_.id) == Standing(slice_id=slice_.id)
    assert ledger.work.reserve(*image, slice_id=slice_.id) == Standing(slice_id=slice_.id)
    assert ledger.work.reserve(*image, slice_id=other) == Standing(slice_id=slice_.id)
    noted = {"engine_id": engine_id, "slice_id": other}
    assert ledger.work.note_attempts(slice_.recipe_id, [0], **noted) == {}
    mine = ledger.work.reserve(*image, slice_id=other, instead_of=slice_.id)
    assert mine == Standing(slice_id=other)
    assert ledger.work.note_attempts(slice_.recipe_id, [0], **noted) == {0: 1}
    ledger.work.record_and_go_on(record(slice_, 0, engine_id))
    assert ledger.work.reserve(*image, slice_id=slice_.id).settled


def test_what_a_worker_died_with_is_forgiven_and_what_failed_is_not(
    ledger: Ledger, slice_: Slice, engine_id: int
) -> None:
    for seed in (0, 1):
        ledger.work.note_attempts(slice_.recipe_id, [seed], engine_id=engine_id, slice_id=slice_.id)
    ledger.work.record_failure(
        slice_.recipe_id, 0, slice_id=slice_.id, engine_id=engine_id, error="NaN", final=False
    )
    ledger.work.forgive_worker("somebody else")
    assert ledger.work.progress(slice_).attempts == {0: 1, 1: 1}
    ledger.work.forgive_worker(ENGINE.worker)
    assert ledger.work.progress(slice_).attempts == {0: 1, 1: 0}
    ledger.work.record_and_go_on(record(slice_, 1, engine_id))
    assert ledger.work.progress(slice_).attempts == {0: 1, 1: 1}, "a done image was tried"


@pytest.mark.parametrize("state", [BatchState.PAUSED, BatchState.CANCELLED])
def test_the_image_in_hand_is_the_last_of_a_batch_that_is_held_back(
    ledger: Ledger, slice_: Slice, engine_id: int, state: BatchState
) -> None:
    ledger.batches.set_state("prompts", state)
    recorded = ledger.work.record_and_go_on(record(slice_, 1, engine_id))
    assert (recorded.new, recorded.wanted) == (True, False)
    assert ledger.work.progress(slice_).attempts == {1: 1}


def test_workers_at_the_same_slice_do_not_block_each_other(
    ledger: Ledger, ledger_url: str, engine_id: int
) -> None:
    """Two that record and begin each other's images, in both orders, for as long as a deadlock would need to show."""
    submission = ledger.submissions.add(plan(["b"], range(200), slice_size=200, name="both"))
    slice_ = ledger.work.load_slice(submission.slices[0].id)
    assert slice_ is not None
    seeds = list(slice_.seeds)
    failures: list[Exception] = []

    def draw(order: list[int]) -> None:
        with Ledger.open(ledger_url) as own:
            for seed, begun in pairwise(order):
                try:
                    own.work.record_and_go_on(record(slice_, seed, engine_id), begun=begun)
                except Exception as error:
                    failures.append(error)

    threads = [Thread(target=draw, args=(order,)) for order in (seeds, seeds[::-1], seeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    status = ledger.batches.find("both")
    assert status is not None
    assert status.completed == 200


def test_a_slice_is_finished_when_all_is_settled(
    ledger: Ledger, ledger_url: str, slice_: Slice, engine_id: int
) -> None:
    for seed in (0, 1):
        ledger.work.note_attempts(slice_.recipe_id, [seed], engine_id=engine_id, slice_id=slice_.id)
        ledger.work.record_and_go_on(record(slice_, seed, engine_id))
    assert ledger.work.finish_slice(slice_.id) is False
    ledger.work.note_attempts(slice_.recipe_id, [2], engine_id=engine_id, slice_id=slice_.id)
    ledger.work.record_failure(
        slice_.recipe_id, 2, slice_id=slice_.id, engine_id=engine_id, error="NaN", final=True
    )
    assert ledger.work.finish_slice(slice_.id) is True
    assert ledger.work.open_slices() == []
    with Ledger.open(ledger_url) as reopened:
        assert reopened.id == ledger.id
        status = reopened.batches.find("prompts")
        assert status is not None
        assert (status.completed, status.failed, status.total) == (2, 1, 3)
        assert status.completed_at is not None
        assert status.completed_at.tzinfo is not None
        (failure,) = reopened.batches.failed_images("prompts")
        assert (failure.seed, failure.error, failure.attempts) == (2, "NaN", 1)
        image = next(iter(reopened.batches.images("prompts")))
        assert image.image == record(slice_, 0, engine_id)
        assert image.engine == ENGINE


def test_a_paused_variant_is_not_dispatched(ledger: Ledger, slice_: Slice) -> None:
    ledger.variants.pause(VARIANT.key, "ten failures")
    assert ledger.work.open_slices() == []
    (paused,) = ledger.variants.paused()
    assert (paused.variant, paused.reason) == (VARIANT, "ten failures")
    assert ledger.variants.resume(VARIANT.key) is True
    assert [ref.id for ref in ledger.work.open_slices()] == [slice_.id]


def test_failed_images_can_be_taken_up_again(ledger: Ledger, slice_: Slice, engine_id: int) -> None:
    for seed in slice_.seeds:
        ledger.work.note_attempts(slice_.recipe_id, [seed], engine_id=engine_id)
        ledger.work.record_failure(
            slice_.recipe_id, seed, slice_id=slice_.id, engine_id=engine_id, error="x", final=True
        )
    ledger.work.finish_slice(slice_.id)
    assert ledger.batches.retry_failed("prompts") == 3
    assert ledger.work.progress(slice_).attempts == {} or set(
        ledger.work.progress(slice_).attempts.values()
    ) == {0}
    assert len(ledger.work.open_slices()) == 1


def test_a_failure_without_an_engine_keeps_the_one_that_tried(
    ledger: Ledger, slice_: Slice, engine_id: int
) -> None:
    """An engine that was killed is not there to say who it was; the attempt has said it."""
    for seed, final in ((0, False), (1, True)):
        ledger.work.note_attempts(slice_.recipe_id, [seed], engine_id=engine_id)
        ledger.work.record_failure(
            slice_.recipe_id, seed, slice_id=slice_.id, engine_id=None, error="died", final=final
        )
    other_id = ledger.work.register_engine(ENGINE)
    ledger.work.record_failure(
        slice_.recipe_id, 0, slice_id=slice_.id, engine_id=other_id, error="NaN", final=False
    )
    with ledger._database.reading() as connection:
        failed_by = connection.execute(select(images.c.seed, images.c.engine_id)).all()
    assert dict(tuple(row) for row in failed_by) == {0: other_id, 1: engine_id}


def test_unknown_names_and_places_are_said(ledger: Ledger) -> None:
    assert ledger.batches.find("none") is None
    with pytest.raises(InputMissingError, match="none"):
        ledger.batches.failed_images("none")
    with pytest.raises(ServiceUnavailableError) as caught:
        Ledger.open("postgresql://me:secret@localhost:1/x")
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "notes.db"
    path.write_text("these are notes, " * 1000)
    with pytest.raises(ConfigurationError, match=r"notes\.db"):
        Ledger.open(f"sqlite:///{path}")
    assert path.read_text().startswith("these are notes")


def test_prompts_that_were_cut_are_listed_once(ledger: Ledger, engine_id: int) -> None:
    submission = ledger.submissions.add(plan(["a", "b", "c"], range(4), slice_size=2))
    for ref in submission.slices:
        slice_ = ledger.work.load_slice(ref.id)
        assert slice_ is not None
        if slice_.entry == 3:
            continue  # nothing is drawn, and nothing known
        for seed in slice_.seeds:
            ledger.work.note_attempts(slice_.recipe_id, [seed], engine_id=engine_id)
            cut = 7 if slice_.entry == 2 else 0
            drawn = replace(record(slice_, seed, engine_id), truncated_tokens=cut)
            ledger.work.record_and_go_on(drawn)
    assert ledger.batches.cut_prompts(submission.batch_id) == [2]
