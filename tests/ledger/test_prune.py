"""A batch is forgotten wholly, and takes with it only what no other batch asks for; on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from db import removal
from db.ledger import Ledger
from db.tables import batches, images, recipes, slices
from db.values import BatchState
from sdq_core.errors import InputMissingError, TryAgainError
from sdq_core.images.path import image_path
from tests.ledger.plans import ENGINE, plan, record


def draw_all(ledger: Ledger) -> None:
    engine_id = ledger.work.register_engine(ENGINE)
    for ref in ledger.work.open_slices():
        slice_ = ledger.work.load_slice(ref.id)
        assert slice_ is not None
        ledger.work.note_attempts(
            slice_.recipe_id, slice_.seeds, engine_id=engine_id, slice_id=slice_.id
        )
        for seed in slice_.seeds:
            path = image_path(slice_.batch_name, slice_.entry, seed)
            ledger.work.record_and_go_on(replace(record(slice_, seed, engine_id), path=path))
        ledger.work.finish_slice(slice_.id)


def forget(ledger: Ledger, name: str) -> list[str]:
    batch_id = ledger.upkeep.begin_pruning(name)
    paths: list[str] = []
    while not (page := ledger.upkeep.prune_page(batch_id)).last:
        paths += page.paths
        assert page.images == len(page.paths)
    return paths


def rows(ledger: Ledger) -> dict[str, int]:
    with ledger._database.reading() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (batches, slices, recipes, images)
        }


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "SLICES_PER_TRANSACTION", 2)


def test_a_batch_that_gets_the_slices_of_one_removed_in_the_middle_begins_all_the_same(
    ledger: Ledger,
) -> None:
    engine_id = ledger.work.register_engine(ENGINE)
    slices_begun = []
    for name in ("one", "two"):
        ledger.submissions.add(plan([name], range(2), name=name))
        (ref,) = ledger.work.open_slices()
        slice_ = ledger.work.load_slice(ref.id)
        assert slice_ is not None
        ledger.work.note_attempts(slice_.recipe_id, [0], engine_id=engine_id, slice_id=slice_.id)
        slices_begun.append(slice_.id)
        status = ledger.batches.find(name)
        assert status is not None
        assert status.started_at is not None
        if name == "one":
            forget(ledger, name)
    assert slices_begun[0] == slices_begun[1]


def test_nothing_is_left_of_a_forgotten_batch(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a", "b"], range(60), name="one"))
    draw_all(ledger)
    paths = forget(ledger, "one")
    assert len(set(paths)) == 120
    assert rows(ledger) == {"batches": 0, "slices": 0, "recipes": 0, "images": 0}
    with pytest.raises(InputMissingError):
        ledger.upkeep.begin_pruning("one")
    # and the name is free: the same images are asked for anew
    assert ledger.submissions.add(plan(["a", "b"], range(60), name="one")).images_new == 120


def test_what_another_batch_asks_for_stays_and_is_still_exported(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a", "b"], range(30), name="one"))
    draw_all(ledger)
    ledger.submissions.add(plan(["b", "c"], range(10, 40), name="two"))
    draw_all(ledger)
    before = {(i.recipe.prompt, i.seed): i.image.path for i in ledger.batches.images("two")}
    paths = forget(ledger, "one")
    assert len(paths) == 30 + 10
    assert not set(paths) & set(before.values())
    assert {(i.recipe.prompt, i.seed): i.image.path for i in ledger.batches.images("two")} == before
    assert ledger.upkeep.counts_agree("two")
    assert rows(ledger)["images"] == len(before) == 60
    assert len(forget(ledger, "two")) == 60
    assert rows(ledger) == {"batches": 0, "slices": 0, "recipes": 0, "images": 0}


def test_a_cancelled_batch_goes_with_what_it_failed_and_began(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a"], range(50), name="one"))
    engine_id = ledger.work.register_engine(ENGINE)
    slice_ = ledger.work.load_slice(ledger.work.open_slices()[0].id)
    assert slice_ is not None
    ledger.work.note_attempts(
        slice_.recipe_id, slice_.seeds, engine_id=engine_id, slice_id=slice_.id
    )
    ledger.work.record_and_go_on(record(slice_, 0, engine_id))
    ledger.work.record_failure(
        slice_.recipe_id, 1, slice_id=slice_.id, engine_id=engine_id, error="NaN", final=True
    )
    ledger.batches.set_state("one", BatchState.CANCELLED)
    assert len(forget(ledger, "one")) == 1
    assert rows(ledger) == {"batches": 0, "slices": 0, "recipes": 0, "images": 0}


def test_an_interrupted_forgetting_goes_on_or_is_undone_by_submitting_again(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a", "b"], range(60), name="one"))
    draw_all(ledger)
    batch_id = ledger.upkeep.begin_pruning("one")
    assert ledger.upkeep.prune_page(batch_id).images == 50
    # killed here; somebody submits the same again, and what went is asked for anew
    assert ledger.submissions.add(plan(["a", "b"], range(60), name="one")).images_new == 50
    with pytest.raises(TryAgainError, match="submitted again"):
        ledger.upkeep.prune_page(batch_id)
    draw_all(ledger)
    assert len(list(ledger.batches.images("one"))) == 120
    ledger.upkeep.recount("one")
    assert ledger.upkeep.counts_agree("one")
    assert len(forget(ledger, "one")) == 120


def test_a_file_kept_for_another_batch_is_no_spare_of_a_later_batch_of_its_name(
    ledger: Ledger,
) -> None:
    for prompt, name in (("a", "one"), ("a", "two"), ("b", "three")):
        ledger.submissions.add(plan([prompt], range(2), name=name))
        draw_all(ledger)
    forget(ledger, "one")
    kept = {image.image.path for image in ledger.batches.images("two")}
    ledger.submissions.add(plan(["b"], range(2), name="one"))  # drawn already, for the third
    batch_id = ledger.upkeep.begin_pruning("one")
    page = ledger.upkeep.prune_page(batch_id)
    assert (page.images, page.paths) == (0, ())
    assert all(path.startswith("one/") for path in kept)
    assert not kept & set(page.spares)
