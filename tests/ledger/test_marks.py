"""Favourites and rejected images: columns of an image that nothing but a mark changes, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from db.browsing import marked
from db.columns.where import parse_where
from db.ledger import Ledger
from db.values import Mark
from sdq_core.errors import InputMissingError
from tests.ledger.plans import ENGINE, plan, record
from tests.ledger.test_known_image import draw, first_slice, image
from tests.ledger.test_prune import draw_all


def chosen(ledger: Ledger, batch: str, condition: str) -> list[tuple[int, int]]:
    found = ledger.batches.images(batch, where=parse_where(condition))
    return [(image.entry, image.seed) for image in found]


def set_mark(ledger: Ledger, batch: str, entry: int, seed: int, mark: Mark | None) -> int:
    image_id = image(ledger, batch, entry, seed).id
    assert image_id is not None
    ledger.marks.set(image_id, mark)
    return image_id


def test_marks_are_columns_that_images_are_chosen_by(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a", "b"], range(3), name="one"))
    draw_all(ledger)
    set_mark(ledger, "one", 1, 2, Mark.FAVOURITE)
    set_mark(ledger, "one", 2, 0, Mark.FAVOURITE)
    set_mark(ledger, "one", 2, 1, Mark.REJECTED)
    assert chosen(ledger, "one", "favourite") == [(1, 2), (2, 0)]
    assert chosen(ledger, "one", "Favorite = true and entry = 2") == [(2, 0)]
    assert chosen(ledger, "one", "rejected") == [(2, 1)]
    assert chosen(ledger, "one", "not rejected and entry = 2") == [(2, 0), (2, 2)]
    assert len(chosen(ledger, "one", "favourite = false")) == 4
    set_mark(ledger, "one", 2, 0, Mark.REJECTED)  # in place of the other one
    set_mark(ledger, "one", 2, 1, None)
    assert image(ledger, "one", 2, 0).mark is Mark.REJECTED
    assert chosen(ledger, "one", "favourite or rejected") == [(1, 2), (2, 0)]


def test_an_image_keeps_its_mark_when_it_is_drawn_anew_or_another_batch_asks_for_it(
    ledger: Ledger,
) -> None:
    ledger.submissions.add(plan(["a"], range(3), name="one"))
    slice_ = first_slice(ledger)
    for seed in range(3):
        draw(ledger, slice_, seed)
    for seed in (0, 1):
        set_mark(ledger, "one", 1, seed, Mark.FAVOURITE)
    # A file was lost, as `sdq verify --repair` has it; another image is drawn over, as `sdq rerun` does.
    assert ledger.upkeep.take_back([(slice_.recipe_id, 0)]) == 1
    draw(ledger, slice_, 0)
    engine_id = ledger.work.register_engine(ENGINE)
    other = replace(record(slice_, 1, engine_id), sha256="ab" * 32)
    assert ledger.work.replace_done(other)
    ledger.submissions.add(plan(["z", "a"], range(1, 9), name="two"))
    assert chosen(ledger, "one", "favourite") == [(1, 0), (1, 1)]
    assert chosen(ledger, "two", "favourite") == [(2, 1)]


def test_only_finished_images_are_marked(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a"], range(3), name="one"))
    slice_ = first_slice(ledger)
    draw(ledger, slice_, 0, fails=True)
    for image_id in (1, 99):
        with pytest.raises(InputMissingError, match="not finished"):
            ledger.marks.set(image_id, Mark.FAVOURITE)


def test_marked_images_of_a_batch_are_found_a_page_at_a_time(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marked, "_AT_ONCE", 4)
    ledger.submissions.add(plan(["a", "b"], range(9), name="one", slice_size=2))
    ledger.submissions.add(plan(["c"], range(9), name="other"))
    draw_all(ledger)
    ledger.submissions.add(plan(["b"], range(4, 20), name="two", slice_size=2))
    for seed in range(7):
        set_mark(ledger, "one", 2, seed, Mark.FAVOURITE)
        set_mark(ledger, "other", 1, seed, Mark.FAVOURITE)
    set_mark(ledger, "one", 1, 0, Mark.REJECTED)
    for batch_id, expected in (
        (1, [(2, seed) for seed in range(7)]),
        (3, [(1, 4), (1, 5), (1, 6)]),
    ):
        found, before = [], None
        while True:
            page = ledger.browsing.marked(batch_id, Mark.FAVOURITE, before, 3)
            assert len(page.images) <= 3
            found += [(image.entry, image.seed) for image in page.images]
            before = page.before
            if before is None:
                break
        assert found == expected[::-1]
    [rejected] = ledger.browsing.marked(1, Mark.REJECTED, None, 3).images
    assert (rejected.seed, rejected.mark) == (0, Mark.REJECTED)
