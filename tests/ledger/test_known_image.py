"""One image, and the course of one batch, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from db.known_image import KnownImage
from db.ledger import Ledger
from db.values import EngineRecord, ImageStatus, Slice
from sdq_core.values.variants import AnyVariant
from tests.ledger.plans import ENGINE, VARIANT, plan, recipe, record


def first_slice(ledger: Ledger) -> Slice:
    slice_ = ledger.work.load_slice(ledger.work.open_slices()[0].id)
    assert slice_ is not None
    return slice_


def draw(
    ledger: Ledger,
    slice_: Slice,
    seed: int,
    *,
    fails: bool = False,
    engine: EngineRecord = ENGINE,
) -> None:
    engine_id = ledger.work.register_engine(engine)
    ledger.work.note_attempts(slice_.recipe_id, [seed], engine_id=engine_id, slice_id=slice_.id)
    if fails:
        ledger.work.record_failure(
            slice_.recipe_id, seed, slice_id=slice_.id, engine_id=engine_id, error="NaN", final=True
        )
    else:
        ledger.work.record_and_go_on(record(slice_, seed, engine_id))


def image(ledger: Ledger, batch: str, entry: int, seed: int) -> KnownImage:
    found = ledger.batches.image(batch, entry, seed)
    assert found is not None
    return found


def test_an_image_is_known_whatever_became_of_it(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a", "b"], range(60), name="one"))
    slice_ = first_slice(ledger)
    draw(ledger, slice_, 0)
    draw(ledger, slice_, 1, fails=True)
    ledger.work.reserve(slice_.recipe_id, 2, slice_id=slice_.id)

    done, failed, reserved, untried = (image(ledger, "one", 1, seed) for seed in (0, 1, 2, 59))
    assert done.status is ImageStatus.DONE
    assert done.image == record(slice_, 0, done.image.engine_id if done.image else 0)
    assert done.engine == ENGINE
    assert (failed.status, failed.error, failed.attempts) == (ImageStatus.FAILED, "NaN", 1)
    assert failed.image is None
    assert (reserved.status, reserved.attempts) == (ImageStatus.DRAWING, 0)
    assert (untried.status, untried.recipe) == (None, recipe("a"))
    assert image(ledger, "one", 2, 0).recipe == recipe("b")
    for entry, seed in ((1, 60), (3, 0), (0, 0)):
        assert ledger.batches.image("one", entry, seed) is None


def test_an_image_is_found_by_what_determines_it(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a"], range(3), name="one"))
    draw(ledger, first_slice(ledger), 1)
    ledger.submissions.add(plan(["b", "a"], range(3), name="two"))
    found = ledger.batches.image_of_recipe(recipe("a").content_key, 1)
    assert found == image(ledger, "one", 1, 1)
    assert image(ledger, "two", 2, 1).image == found.image
    assert ledger.batches.image_of_recipe(recipe("a").content_key, 0) is None
    assert ledger.batches.image_of_recipe(recipe("c").content_key, 1) is None


def test_the_course_of_a_batch_names_submissions_engines_and_failures(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a"], range(3), name="one"))
    slice_ = first_slice(ledger)
    draw(ledger, slice_, 0)
    second = replace(ENGINE, pid=8)
    draw(ledger, slice_, 1, fails=True, engine=second)
    other = replace(VARIANT, revision="f" * 16)
    ledger.work.register_engine(replace(ENGINE, variant=other, pid=9))
    ledger.work.register_engine(replace(second, pipeline="other"))
    ledger.submissions.add(plan(["a", "b"], range(3), name="one"))
    ledger.variants.pause(VARIANT, "ten in a row")

    history = ledger.batches.history("one")
    assert [(grown.images, grown.slices) for grown in history.growths] == [(3, 1), (3, 1)]
    assert history.first_engine == ENGINE
    assert [started.engine for started in history.engines] == [second]
    (failure,) = history.failures
    assert (failure.entry, failure.seed, failure.attempts, failure.error) == (1, 1, 1, "NaN")
    (held,) = history.paused
    assert held.reason == "ten in a row"


def test_a_batch_that_takes_any_variant_has_the_engines_of_its_model(ledger: Ledger) -> None:
    anything = AnyVariant(model=VARIANT.model, revision=VARIANT.revision)
    planned = plan(["a"], range(3), name="one")
    entries = [replace(planned.entries[0], recipe=replace(recipe("a"), variant=anything))]
    ledger.submissions.add(replace(planned, entries=entries))
    draw(ledger, first_slice(ledger), 0)
    second = replace(ENGINE, pid=8)
    draw(ledger, first_slice(ledger), 1, engine=second)
    loaded = ledger.batches.history("one").engines
    assert [started.engine for started in loaded] == [second]


def test_a_new_batch_has_only_its_submission(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a"], range(3), name="one"))
    history = ledger.batches.history("one")
    assert len(history.growths) == 1
    assert (history.first_engine, history.engines, history.failures) == (None, [], [])


@pytest.mark.parametrize("text", ["", "o", "on", "one"])
def test_names_are_found_by_their_beginning(ledger: Ledger, text: str) -> None:
    for name in ("one", "ONE", "on_", "two"):
        ledger.submissions.add(plan([name], [0], name=name))
    expected = [name for name in ("two", "on_", "ONE", "one") if name.startswith(text)]
    assert ledger.batches.beginning_with(text) == expected
