"""What the newest images tell of the next ones; on both databases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from db.ledger import Ledger
from db.values import BatchPlan, EngineRecord, ImageRecord, PlannedEntry, Slice
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import ComputeUnit
from tests.ledger.plans import ENGINE, VARIANT, recipe, record

GPU = replace(VARIANT, compute_unit=ComputeUnit.CPU_AND_GPU)


def slice_of(ledger: Ledger, of: Recipe, images: int, name: str) -> Slice:
    entries = [PlannedEntry(recipe=of, seeds=range(images))]
    plan = BatchPlan(
        name=name, source_name="x", source="-", key=name, entries=entries, slice_size=images
    )
    (ref,) = ledger.submissions.add(plan).slices
    slice_ = ledger.work.load_slice(ref.id)
    assert slice_ is not None
    return slice_


def draw(
    ledger: Ledger, slice_: Slice, denoise_ms: Iterable[float], engine: EngineRecord = ENGINE
) -> None:
    """Draw a slice's images, each with its own time and a file of 1,000 bytes."""
    engine_id = ledger.work.register_engine(engine)
    for seed, ms in enumerate(denoise_ms):
        drawn: ImageRecord = replace(record(slice_, seed, engine_id), denoise_ms=ms)
        ledger.work.record_and_go_on(drawn)


def test_an_images_time_has_a_mean_and_a_spread(ledger: Ledger) -> None:
    assert ledger.estimates.recent().time(VARIANT, 20) is None
    # 1.0 to 1.9 s, and one of 10 s: outside of the spread, and in the mean.
    times_ms = [1000.0 + 100 * number for number in range(10)] + [10_000.0]
    draw(ledger, slice_of(ledger, recipe("a"), 11, "a"), times_ms, replace(ENGINE, load_ms=4000.0))
    time = ledger.estimates.recent().time(VARIANT, 20)
    assert time is not None
    other_s = 0.0055  # prompt, decoding, safety checker
    assert time.mean_s == pytest.approx(24.5 / 11 + other_s)
    assert (time.low_s, time.high_s) == (
        pytest.approx(1.1 + other_s),
        pytest.approx(time.mean_s),  # never below it
    )
    assert (time.load_s, time.images) == (4.0, 11)


def test_other_numbers_of_steps_are_scaled_unless_there_are_images_with_as_many(
    ledger: Ledger,
) -> None:
    draw(ledger, slice_of(ledger, recipe("a"), 2, "a"), [1000.0, 1000.0])
    recent = ledger.estimates.recent()
    assert [
        time and time.mean_s for time in (recent.time(VARIANT, steps) for steps in (10, 40))
    ] == [
        pytest.approx(0.5055),
        pytest.approx(2.0055),
    ]
    few = replace(recipe("a"), num_inference_steps=10)
    draw(ledger, slice_of(ledger, few, 1, "b"), [700.0])
    recent = ledger.estimates.recent()
    ten, twenty = recent.time(VARIANT, 10), recent.time(VARIANT, 20)
    assert ten
    assert twenty
    assert (ten.mean_s, ten.images) == (pytest.approx(0.7055), 1)
    assert (twenty.mean_s, twenty.images) == (pytest.approx(1.0055), 2)


def test_a_variant_has_only_its_own_images(ledger: Ledger) -> None:
    draw(ledger, slice_of(ledger, recipe("a"), 1, "a"), [1000.0])
    draw(
        ledger,
        slice_of(ledger, replace(recipe("a"), variant=GPU), 1, "b"),
        [3000.0],
        replace(ENGINE, variant=GPU),
    )
    recent = ledger.estimates.recent()
    found = [recent.time(variant, 20) for variant in (VARIANT, GPU)]
    assert [time and time.mean_s for time in found] == [
        pytest.approx(1.0055),
        pytest.approx(3.0055),
    ]


def test_files_are_as_large_as_the_models_own_of_that_size(ledger: Ledger) -> None:
    other = replace(recipe("a"), variant=replace(VARIANT, model="other"), width=256)
    for number, (of, size_bytes) in enumerate(
        [(recipe("a"), 1000), (recipe("b"), 2000), (other, 9000)]
    ):
        slice_ = slice_of(ledger, of, 1, str(number))
        engine_id = ledger.work.register_engine(replace(ENGINE, variant=of.variant))
        ledger.work.record_and_go_on(replace(record(slice_, 0, engine_id), size_bytes=size_bytes))
    recent = ledger.estimates.recent()
    assert recent.file_bytes("demo", 128, 128) == 1500
    assert recent.file_bytes("other", 128, 128) == 1500  # another model's of that size
    assert recent.file_bytes("demo", 256, 128) == 9000
    assert recent.file_bytes("demo", 512, 512) is None
