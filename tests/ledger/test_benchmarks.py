"""What was measured is kept, the newest of each variant on each machine counts, and the fastest sane one wins."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from db.ledger import Ledger
from db.tables import batches
from db.values import BatchOptions, Benchmark, Chosen
from producer.planning.speed import fastest
from sdq_core.errors import TryAgainError
from sdq_core.values.machine import Machine
from sdq_core.values.variants import (
    AttentionImplementation,
    ComputeUnit,
    OpenPlacement,
    Placement,
    Variant,
)
from tests.ledger.plans import plan

ORIGINAL = AttentionImplementation.ORIGINAL
SPLIT = AttentionImplementation.SPLIT_EINSUM
USUAL = Placement(attention_implementation=ORIGINAL, compute_unit=ComputeUnit.ALL)
ON_NE = Placement(attention_implementation=SPLIT, compute_unit=ComputeUnit.CPU_AND_NE)
HERE = Machine(host="studio", chip="Apple M2 Max", os="macOS 15.1 (24B83)")


def measured(
    attention: AttentionImplementation = ORIGINAL,
    unit: ComputeUnit = ComputeUnit.ALL,
    image_ms: float | None = 1000.0,
    **changes: Any,
) -> Benchmark:
    """A row of 20 steps; image_ms None: it failed."""
    row = Benchmark(
        machine=HERE,
        measured_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        variant=Variant(
            model="demo", revision="r1", attention_implementation=attention, compute_unit=unit
        ),
        unet="whole",
        drawn_with=True,
        num_inference_steps=20,
        images=3,
        precision="6-bit",
        pipeline="builtin",
        runtime="onnx",
        versions={"sdq": "0"},
        first_load_ms=5000.125,
        warm_load_ms=500.5,
        step_ms=image_ms and image_ms / 25,
        image_ms=image_ms,
        peak_bytes=3_000_000_000,
        psnr_db=38.5,
    )
    if image_ms is None:
        row = replace(row, psnr_db=None, peak_bytes=None, error="PackageError: no")
    return replace(row, **changes)


def test_rows_come_back_as_they_were(ledger: Ledger) -> None:
    rows = [
        measured(psnr_db=math.inf),
        measured(SPLIT, ComputeUnit.CPU_AND_NE, 700),
        measured(SPLIT, ComputeUnit.CPU_ONLY, None),
    ]
    ledger.benchmarks.record(rows)
    assert ledger.benchmarks.newest("demo") == rows
    assert ledger.benchmarks.newest("other") == []


def test_the_newest_of_each_variant_on_each_machine_counts(ledger: Ledger) -> None:
    other = replace(HERE, host="mini")
    former = replace(HERE, os="macOS 14.6 (23G93)")
    kept = [
        measured(image_ms=900, machine=other),
        measured(image_ms=800, machine=former),
        measured(SPLIT, ComputeUnit.CPU_AND_NE, None),
        measured(image_ms=1100),
    ]
    ledger.benchmarks.record([measured(image_ms=1), measured(SPLIT, ComputeUnit.CPU_AND_NE, 1)])
    ledger.benchmarks.record([*kept, measured(image_ms=5, drawn_with=False, unet="chunks")])
    assert ledger.benchmarks.newest("demo") == kept


def test_the_fastest_with_sane_pictures_wins() -> None:
    rows = [
        measured(),
        measured(SPLIT, ComputeUnit.CPU_AND_GPU, 300, psnr_db=12.0),
        measured(SPLIT, ComputeUnit.ALL, 350, psnr_db=None),
        measured(SPLIT, ComputeUnit.CPU_ONLY, None),
        measured(ORIGINAL, ComputeUnit.CPU_AND_GPU, 400, drawn_with=False),
        measured(SPLIT, ComputeUnit.CPU_AND_NE, 700, psnr_db=25.0),
        measured(ORIGINAL, ComputeUnit.CPU_ONLY, 720),
    ]
    assert fastest(rows, USUAL) is rows[5]
    assert fastest(rows[1:5], USUAL) is None


def test_the_usual_one_stays_unless_another_is_faster_by_more_than_noise() -> None:
    usual = measured(image_ms=1000)
    assert fastest([measured(SPLIT, image_ms=955), usual], USUAL) is usual
    faster = measured(SPLIT, image_ms=945)
    assert fastest([usual, faster], USUAL) is faster


def test_measurements_of_other_numbers_of_steps_are_comparable() -> None:
    quick = measured(SPLIT, image_ms=300, step_ms=50, num_inference_steps=4)
    assert quick.usual_image_ms == 1100
    usual = measured(image_ms=1000)
    assert fastest([usual, quick], USUAL) is usual
    assert fastest([measured(image_ms=1200), quick], USUAL) is quick


def chosen(placement: Placement, unit: ComputeUnit | None = None) -> Chosen:
    """What was decided for the demo model where the variant was left open."""
    return Chosen(model="demo", asked=OpenPlacement(compute_unit=unit), placement=placement)


def test_what_was_chosen_stays_with_its_batch(ledger: Ledger) -> None:
    first = replace(plan(["a"], [0]), chosen=[chosen(USUAL)], options={"variants": None})
    ask = (None, "prompts", "/here/prompts.txt")
    assert ledger.submissions.batch_options(*ask) is None
    ledger.submissions.preview(first)
    assert ledger.submissions.batch_options(*ask) is None
    ledger.submissions.add(first)
    assert ledger.submissions.batch_options(*ask) == BatchOptions(
        given={"variants": None}, chosen=[chosen(USUAL)]
    )
    assert ledger.submissions.batch_options(None, "prompts", "/elsewhere/prompts.txt") is None
    assert ledger.submissions.batch_options(
        "prompts", "x", "-"
    ) == ledger.submissions.batch_options(*ask)
    more = chosen(ON_NE, ComputeUnit.CPU_AND_NE)
    ledger.submissions.add(replace(plan(["a", "b"], [0]), chosen=[more]))
    options = ledger.submissions.batch_options(*ask)
    assert options is not None
    assert options.chosen == [chosen(USUAL), more]


def test_choices_are_stored_as_objects(ledger: Ledger) -> None:
    ledger.submissions.add(
        replace(plan(["a"], [0]), chosen=[chosen(ON_NE, ComputeUnit.CPU_AND_NE)])
    )
    assert stored_options(ledger)["chosen"] == [
        {
            "model": "demo",
            "asked": {"variant": None, "compute_unit": "CPU_AND_NE"},
            "placement": {"variant": "split_einsum", "compute_unit": "CPU_AND_NE"},
        }
    ]


#: A batch's options as sdq 0.1 recorded them.
OPTIONS_OF_0_1: dict[str, Any] = {
    "model": "demo", "variants": None, "compute_unit": None, "num_inference_steps": 20, "guidance_scale": 7.5,
    "scheduler": "DPMSolverMultistep", "negative_prompt": "", "seeds": "0", "random_seeds": None, "slice_size": 25,
    "chosen": {
        "demo": {"auto auto": "original ALL", "split_einsum auto": "split_einsum CPU_AND_NE"},
        "own": {"auto CPU_AND_GPU": "original CPU_AND_GPU"},
    },
}  # fmt: skip


def test_the_words_of_a_batch_of_0_1_are_read_and_become_objects(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a"], [0]))
    with ledger._database.writing() as connection:
        connection.execute(update(batches).values(options=OPTIONS_OF_0_1))
    ask = ("prompts", "prompts", "-")
    kept = [
        chosen(USUAL),
        Chosen(model="demo", asked=OpenPlacement(attention_implementation=SPLIT), placement=ON_NE),
        Chosen(
            model="own",
            asked=OpenPlacement(compute_unit=ComputeUnit.CPU_AND_GPU),
            placement=replace(USUAL, compute_unit=ComputeUnit.CPU_AND_GPU),
        ),
    ]
    options = ledger.submissions.batch_options(*ask)
    assert options is not None
    assert options.chosen == kept
    assert options.given == {k: v for k, v in OPTIONS_OF_0_1.items() if k != "chosen"}
    with pytest.raises(TryAgainError, match="Submit it again"):
        ledger.submissions.add(replace(plan(["b"], [0]), chosen=[chosen(ON_NE)]))
    more = chosen(ON_NE, ComputeUnit.CPU_AND_NE)
    ledger.submissions.add(replace(plan(["b"], [0]), chosen=[chosen(USUAL), more]))
    assert ledger.submissions.batch_options(*ask) == replace(options, chosen=[*kept, more])
    assert isinstance(stored_options(ledger)["chosen"], list)


def test_two_that_submit_at_once_and_choose_otherwise_are_told_apart(ledger: Ledger) -> None:
    ledger.submissions.add(replace(plan(["a"], [0]), chosen=[chosen(USUAL)]))
    other = replace(USUAL, attention_implementation=SPLIT)
    with pytest.raises(TryAgainError, match="Submit it again"):
        ledger.submissions.add(replace(plan(["b"], [0]), chosen=[chosen(other)]))
    (status,) = ledger.batches.statuses()
    assert status.total == 1


def stored_options(ledger: Ledger) -> dict[str, Any]:
    with ledger._database.reading() as connection:
        return dict(connection.execute(select(batches.c.options)).scalar_one())
