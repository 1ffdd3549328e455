"""Counts are held to the images, and an image whose file is lost can be taken back; on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from db.ledger import Ledger
from sdq_core.errors import InputMissingError
from tests.ledger.plans import ENGINE, plan, record


def _draw_all(ledger: Ledger) -> None:
    engine_id = ledger.work.register_engine(ENGINE)
    for ref in ledger.work.open_slices():
        slice_ = ledger.work.load_slice(ref.id)
        assert slice_ is not None
        ledger.work.note_attempts(
            slice_.recipe_id, slice_.seeds, engine_id=engine_id, slice_id=slice_.id
        )
        for seed in slice_.seeds:
            ledger.work.record_and_go_on(record(slice_, seed, engine_id))
        ledger.work.finish_slice(slice_.id)


def test_a_batch_that_is_drawn_has_nothing_left(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a", "b"], range(30), name="one"))
    assert len(list(ledger.upkeep.unfinished_slices("one"))) == 4
    _draw_all(ledger)
    assert list(ledger.upkeep.unfinished_slices("one")) == []
    (page,) = ledger.upkeep.pages_to_check("one", with_older=True, with_hashes=False)
    assert (len(page.files), page.closed_too_early) == (60, [])
    assert ledger.upkeep.counts_agree("one")


def test_an_image_taken_back_is_open_in_every_batch_that_wants_it(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a", "b"], range(30), name="one"))
    ledger.submissions.add(plan(["a"], range(10), name="two"))
    _draw_all(ledger)
    lost = [(image.image.recipe_id, image.seed) for image in ledger.batches.images("two")][:2]
    assert ledger.upkeep.take_back(lost) == 2
    assert ledger.upkeep.take_back(lost) == 0
    for name, total in (("one", 60), ("two", 10)):
        status = ledger.batches.find(name)
        assert status is not None
        assert (status.completed, status.total, status.completed_at) == (total - 2, total, None)
        assert ledger.upkeep.counts_agree(name)
    assert len(ledger.work.open_slices()) == 2
    _draw_all(ledger)
    for name in ("one", "two"):
        status = ledger.batches.find(name)
        assert status is not None
        assert status.completed == status.total
        assert status.completed_at is not None


def test_wrong_counts_are_found_and_mended(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a"], range(30), name="one"))
    _draw_all(ledger)
    with ledger._database.writing() as connection:
        connection.execute(text("UPDATE batches SET images_done = 7, open_slices = 3"))
    assert not ledger.upkeep.counts_agree("one")
    ledger.upkeep.recount("one")
    assert ledger.upkeep.counts_agree("one")
    status = ledger.batches.find("one")
    assert status is not None
    assert (status.completed, status.total) == (30, 30)
    assert status.completed_at is not None


def test_an_unknown_batch_is_refused(ledger: Ledger) -> None:
    upkeep = ledger.upkeep
    for look in (upkeep.unfinished_slices, upkeep.counts_agree, upkeep.recount):
        with pytest.raises(InputMissingError, match="no batch 'x'"):
            look("x")
