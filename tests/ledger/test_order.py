"""The order of batches and of their slices in the ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest
from alembic import command
from sqlalchemy import text

from db.connection import Database
from db.ledger import Ledger
from db.schema import alembic_config
from db.values import BatchState
from sdq_core.errors import InputMissingError
from sdq_core.values.order import Priority, Rank
from tests.ledger.plans import plan


def rank(ledger: Ledger, batch: str) -> Rank:
    status = ledger.batches.find(batch)
    assert status is not None
    return status.rank


def test_a_batch_has_the_priority_and_place_that_it_was_submitted_with(ledger: Ledger) -> None:
    assert not ledger.submissions.add(plan(["a"], [0], name="plain")).moved
    urgent = replace(plan(["b"], [0], name="urgent"), priority=Priority.HIGH)
    assert ledger.submissions.add(urgent).moved
    for number, name in enumerate(("front", "further"), 1):
        ledger.submissions.add(replace(plan([name], [0], name=name), at_front=True))
        assert rank(ledger, name) == Rank(place=number)
    assert rank(ledger, "plain") == Rank()
    assert rank(ledger, "urgent") == Rank(priority=Priority.HIGH)
    assert sorted(ledger.batches.ranks().values()) == [
        Rank(), Rank(place=1), Rank(place=2), Rank(priority=Priority.HIGH),
    ]  # fmt: skip


def test_another_submission_keeps_the_place_unless_it_names_one(ledger: Ledger) -> None:
    urgent = replace(plan(["a"], [0], name="b"), priority=Priority.HIGH, at_front=True)
    ledger.submissions.add(urgent)
    before = rank(ledger, "b")
    assert before == Rank(priority=Priority.HIGH, place=1)
    assert not ledger.submissions.add(plan(["a", "c"], [0], name="b")).moved
    assert rank(ledger, "b") == before
    same_again = replace(plan(["a", "c"], [0], name="b"), priority=Priority.LOW)
    submission = ledger.submissions.add(same_again)
    assert (submission.images_new, submission.moved) == (0, True)
    assert rank(ledger, "b") == Rank(priority=Priority.LOW)


def test_a_moved_batch_keeps_its_other_options(ledger: Ledger) -> None:
    ledger.submissions.add(replace(plan(["a"], [0], name="b"), options={"model": "demo"}))
    assert ledger.batches.move("b", to_front=True) == Rank(place=1)
    assert ledger.batches.move("b", priority=Priority.LOW) == Rank(priority=Priority.LOW)
    assert ledger.batches.move("b", to_front=True) == Rank(priority=Priority.LOW, place=1)
    options = ledger.submissions.batch_options("b", "prompts", "/here/prompts.txt")
    assert options is not None
    assert options.given == {"model": "demo"}
    with pytest.raises(InputMissingError, match="no batch 'c'"):
        ledger.batches.move("c", to_front=True)


def test_only_what_is_to_be_drawn_has_a_place(ledger: Ledger) -> None:
    ids = [
        ledger.submissions.add(plan([name], [0], name=name)).batch_id for name in ("a", "b", "c")
    ]
    ledger.batches.set_state("a", BatchState.PAUSED)
    ledger.batches.set_state("b", BatchState.CANCELLED)
    assert ledger.batches.ranks() == {ids[2]: Rank()}


def test_a_batch_of_the_first_version_is_an_ordinary_one_and_can_be_moved(ledger_url: str) -> None:
    database = Database(ledger_url)
    with database.writing() as connection:
        command.upgrade(alembic_config(connection), "0001")
        for name, options in (("old", '\'{"seeds":"0"}\''), ("bare", "NULL")):
            connection.execute(
                text(
                    "INSERT INTO batches (name, state, source, plan_key, options, created_at, entries, open_slices, "
                    f"images_total, images_done, images_failed) VALUES ('{name}', 'active', '-', 'x', {options}, 1, "
                    "1, 1, 1, 0, 0)"
                )
            )
    database.close()
    with Ledger.open(ledger_url) as opened:
        assert set(opened.batches.ranks().values()) == {Rank()}
        for place, name in enumerate(("old", "bare"), 1):
            assert opened.batches.move(name, to_front=True) == Rank(place=place)
        given = opened.submissions.batch_options("old", "x", "-")
        assert given is not None
        assert given.given == {"seeds": "0"}


def slices_of(ledger: Ledger) -> list[tuple[str, tuple[int, ...]]]:
    """The open slices in the order in which they are queued."""
    loaded = (ledger.work.load_slice(ref.id) for ref in ledger.work.open_slices())
    return [(slice_.recipe.prompt, slice_.seeds) for slice_ in loaded if slice_ is not None]


def test_an_interleaved_batch_is_cut_and_numbered_pass_by_pass(ledger: Ledger) -> None:
    interleaved = replace(plan(["a", "b", "c"], range(10), name="b", slice_size=4), interleave=True)
    assert ledger.submissions.add(interleaved).images_new == 30
    passes = [(0,), (1,), (2, 3), (4, 5, 6, 7), (8, 9)]
    assert slices_of(ledger) == [(prompt, seeds) for seeds in passes for prompt in "abc"]
    assert not ledger.submissions.add(interleaved).slices
    status = ledger.batches.find("b")
    assert status is not None
    assert status.total == 30


def test_what_is_added_to_an_interleaved_batch_is_interleaved_among_itself(ledger: Ledger) -> None:
    ledger.submissions.add(replace(plan(["a"], range(2), name="b"), interleave=True))
    more = ledger.submissions.add(replace(plan(["a", "b"], range(4), name="b"), interleave=True))
    assert (more.images_new, more.images_known) == (6, 2)
    assert slices_of(ledger)[2:] == [
        ("a", (2,)), ("b", (0,)), ("a", (3,)), ("b", (1,)), ("b", (2, 3)),
    ]  # fmt: skip


def test_passes_of_growing_slices_keep_the_number_of_slices_small(ledger: Ledger) -> None:
    interleaved = replace(plan(["a"], range(100), name="b"), interleave=True)
    assert len(ledger.submissions.add(interleaved).slices) == 9, "instead of four"
