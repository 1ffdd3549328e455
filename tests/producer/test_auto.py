"""`auto`: measured here, measured elsewhere, what a batch has, and `original` on ALL."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from db.values import BatchOptions, Benchmark, Chosen
from producer.planning.choice import Because
from producer.planning.chooser import Chooser
from producer.planning.measurements import Measurements
from sdq_core.errors import InputMissingError
from sdq_core.models import DEMO, ModelStore
from sdq_core.values.machine import Machine
from sdq_core.values.variants import (
    ANY,
    AttentionImplementation,
    ComputeUnit,
    OpenPlacement,
    Placement,
)
from tests.ledger.test_benchmarks import HERE, measured

ORIGINAL = AttentionImplementation.ORIGINAL
SPLIT = AttentionImplementation.SPLIT_EINSUM
ALL, GPU, NE = ComputeUnit.ALL, ComputeUnit.CPU_AND_GPU, ComputeUnit.CPU_AND_NE
MINI = Machine(host="mini", chip="Apple M1", os=HERE.os)
MAX = Machine(host="max", chip="Apple M3 Max", os=HERE.os)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


def row(
    store: ModelStore,
    attention: AttentionImplementation,
    unit: ComputeUnit,
    image_ms: float | None,
    machine: Machine = HERE,
    **changes: Any,
) -> Benchmark:
    """A measurement of the demo model as it is."""
    found = measured(attention, unit, image_ms, machine=machine, **changes)
    revision = store.find(DEMO, attention).revision
    return replace(found, variant=replace(found.variant, revision=revision))


def auto(
    store: ModelStore,
    rows: Sequence[Benchmark] = (),
    *,
    batch: BatchOptions | None = None,
    machine: Machine = HERE,
) -> Chooser:
    measurements = Measurements(
        store,
        benchmarks=lambda model: [row for row in rows if row.variant.model == model],
        machine=lambda: machine,
    )
    return Chooser(measurements, batch)


def on(attention: AttentionImplementation, unit: ComputeUnit) -> Placement:
    return Placement(attention_implementation=attention, compute_unit=unit)


def rows_of(store: ModelStore) -> list[Benchmark]:
    """Of a Mac on which split_einsum on the Neural Engine is fastest."""
    return [
        row(store, ORIGINAL, ALL, 1000),
        row(store, SPLIT, NE, 500),
        row(store, ORIGINAL, GPU, 800),
        row(store, SPLIT, ALL, 700),
    ]


def batch_of(chooser: Chooser, **said: Any) -> BatchOptions:
    """The options of the batch that a submission with these choices made."""
    return BatchOptions(
        given={"variants": None, "compute_unit": None, **said}, chosen=chooser.to_keep()
    )


def test_nothing_measured_is_original_on_all_and_no_word_about_it(store: ModelStore) -> None:
    choose = auto(store)
    assert choose(DEMO, None, None) == [on(ORIGINAL, ALL)]
    assert [choice.because for choice in choose.choices] == [Because.UNMEASURED]
    assert choose.choices[0].describe() is None


def test_a_model_that_is_not_here_as_original_is_drawn_as_it_is_here(
    store: ModelStore, tmp_path: Path
) -> None:
    packages = store.find(DEMO, SPLIT).parts["unet"].parent
    shutil.copytree(packages, tmp_path / "models" / "own_split_einsum_packages")
    assert auto(store)("own", None, None) == [on(SPLIT, ALL)]
    assert auto(store)("nowhere", None, None) == [on(ORIGINAL, ALL)]  # and refused when it is found


def test_the_fastest_that_was_measured_here_is_drawn_with(store: ModelStore) -> None:
    choose = auto(store, rows_of(store))
    assert choose(DEMO, None, None) == [on(SPLIT, NE)]
    assert [choice.describe() for choice in choose.choices] == [
        "demo uses split_einsum on CPU_AND_NE, the fastest measured on this machine."
    ]


def test_what_was_said_holds_and_the_rest_is_chosen(store: ModelStore) -> None:
    choose = auto(store, rows_of(store))
    assert choose(DEMO, (ORIGINAL,), None) == [on(ORIGINAL, GPU)]
    assert choose(DEMO, (ORIGINAL, SPLIT), None) == [on(ORIGINAL, GPU), on(SPLIT, NE)]
    assert choose(DEMO, None, ALL) == [on(SPLIT, ALL)]
    assert choose(DEMO, None, ComputeUnit.CPU_ONLY) == [on(ORIGINAL, ComputeUnit.CPU_ONLY)]
    before = len(choose.choices)
    assert choose(DEMO, (ORIGINAL,), ALL) == [on(ORIGINAL, ALL)]
    assert len(choose.choices) == before


def test_another_system_build_or_chip_has_measured_nothing(store: ModelStore) -> None:
    updated = replace(HERE, os="macOS 15.2 (24C101)")
    choose = auto(store, rows_of(store), machine=updated)
    assert choose(DEMO, None, None) == [on(ORIGINAL, ALL)]
    twin = replace(HERE, host="another")
    assert auto(store, rows_of(store), machine=twin)(DEMO, None, None) == [on(SPLIT, NE)]


def test_what_changed_since_it_was_measured_does_not_count(store: ModelStore) -> None:
    rows = rows_of(store)
    changed = [
        replace(r, variant=replace(r.variant, revision="former"))
        if r.variant.attention_implementation is SPLIT
        else r
        for r in rows
    ]
    assert auto(store, changed)(DEMO, None, None) == [on(ORIGINAL, GPU)]
    gone = [replace(r, variant=replace(r.variant, revision="former")) for r in rows]
    assert auto(store, gone)(DEMO, None, None) == [on(ORIGINAL, ALL)]
    v2 = AttentionImplementation.SPLIT_EINSUM_V2
    not_here = replace(rows[1].variant, attention_implementation=v2)
    removed = [rows[0], replace(rows[1], variant=not_here)]
    assert auto(store, removed)(DEMO, None, None) == [on(ORIGINAL, ALL)]


def test_the_newest_of_machines_that_are_alike_counts(store: ModelStore) -> None:
    older = row(store, SPLIT, NE, 100, replace(HERE, host="twin"))
    newer = row(store, SPLIT, NE, 2000, measured_at=older.measured_at + timedelta(days=1))
    rows = [older, row(store, ORIGINAL, ALL, 1000), newer]
    assert auto(store, rows)(DEMO, None, None) == [on(ORIGINAL, ALL)]


def test_a_machine_that_only_submits_serves_those_that_draw(store: ModelStore) -> None:
    cron_box = Machine(host="cron", chip="x86", os="Linux")
    rows = [
        row(store, ORIGINAL, GPU, 500, MAX),  # 7,200 images an hour
        row(store, SPLIT, NE, 900, MAX),  # 4,000
        row(store, ORIGINAL, GPU, 3600, MINI),  # 1,000
        row(store, SPLIT, NE, 1200, MINI),  # 3,000
    ]
    choose = auto(store, rows, machine=cron_box)
    assert choose(DEMO, None, None) == [on(ORIGINAL, GPU)]
    assert choose.choices[0].because is Because.MEASURED_ELSEWHERE
    assert "this one was not" in (choose.choices[0].describe() or "")
    more = [row(store, ORIGINAL, GPU, 3600, replace(MINI, host="mini-2")),
            row(store, SPLIT, NE, 1200, replace(MINI, host="mini-2"))]  # fmt: skip
    assert auto(store, rows + more, machine=cron_box)(DEMO, None, None) == [on(SPLIT, NE)]
    # Once it has been measured itself, it counts for itself.
    own = [row(store, ORIGINAL, ALL, 9000, cron_box)]
    assert auto(store, rows + own, machine=cron_box)(DEMO, None, None) == [on(ORIGINAL, ALL)]


def test_a_batch_keeps_what_was_chosen_before_anything_was_measured(store: ModelStore) -> None:
    first = auto(store)
    first(DEMO, None, None)
    again = auto(store, rows_of(store), batch=batch_of(first))
    assert again(DEMO, None, None) == [on(ORIGINAL, ALL)]
    assert again.to_keep() == first.to_keep()
    (choice,) = again.choices
    assert choice.because is Because.BATCH
    assert "--variant split_einsum --compute-unit CPU_AND_NE" in (choice.describe() or "")


def test_a_batch_whose_variant_is_gone_is_not_drawn_with_another(
    store: ModelStore, tmp_path: Path
) -> None:
    asked = Chosen(model="own", asked=OpenPlacement(), placement=on(SPLIT, NE))
    kept = BatchOptions(given={}, chosen=[asked])
    packages = store.find(DEMO, ORIGINAL).parts["unet"].parent
    shutil.copytree(packages, tmp_path / "models" / "own_original_packages")
    assert auto(store, batch=kept)("own", None, None) == [on(SPLIT, NE)]
    with pytest.raises(InputMissingError, match="Use --variant original"):
        store.find("own", SPLIT)  # which is what whoever submits is told


def test_saying_what_the_batch_has_anyway_changes_nothing(store: ModelStore) -> None:
    first = auto(store)
    first(DEMO, None, None)
    again = auto(store, rows_of(store), batch=batch_of(first))
    assert again(DEMO, (ORIGINAL,), None) == [on(ORIGINAL, ALL)]
    assert again(DEMO, None, ALL) == [on(ORIGINAL, ALL)]
    assert again(DEMO, (ORIGINAL,), GPU) == [on(ORIGINAL, GPU)]  # another thing was asked for


def test_a_batch_whose_first_submission_said_it_keeps_that(store: ModelStore) -> None:
    said = BatchOptions(given={"variants": ["original", "split_einsum"], "compute_unit": "ALL"})
    choose = auto(store, rows_of(store), batch=said)
    assert choose(DEMO, None, None) == [on(ORIGINAL, ALL), on(SPLIT, ALL)]
    assert list(choose.to_keep()) == []
    assert [choice.because for choice in choose.choices] == [Because.BATCH]
    assert "has since been measured as faster" in (choose.choices[0].describe() or "")
    assert auto(store, rows_of(store), batch=said)(DEMO, (SPLIT,), NE) == [on(SPLIT, NE)]


def test_lines_of_one_batch_keep_each_their_own_choice(store: ModelStore) -> None:
    first = auto(store)
    first(DEMO, (SPLIT,), None)
    first(DEMO, None, None)
    again = auto(store, rows_of(store), batch=batch_of(first))
    assert again(DEMO, (SPLIT,), None) == [on(SPLIT, ALL)]
    assert again(DEMO, None, None) == [on(ORIGINAL, ALL)]
    # What the batch has not asked yet is answered by what is known now, and kept.
    assert again(DEMO, None, NE) == [on(SPLIT, NE)]
    answered = Chosen(model=DEMO, asked=OpenPlacement(compute_unit=NE), placement=on(SPLIT, NE))
    assert answered in again.to_keep()


def test_any_leaves_the_placement_to_the_worker_beside_what_is_named(store: ModelStore) -> None:
    choose = auto(store, rows_of(store))
    assert choose(DEMO, (ANY,), None) == [ANY]
    assert choose(DEMO, (ORIGINAL, ANY), None) == [ANY, on(ORIGINAL, GPU)]
    assert choose(DEMO, (ANY, SPLIT), ALL) == [ANY, on(SPLIT, ALL)]
    begun = BatchOptions(given={"variants": ["any", "original"], "compute_unit": None})
    again = auto(store, rows_of(store), batch=begun)
    assert again(DEMO, None, None) == [ANY, on(ORIGINAL, GPU)]
    assert again(DEMO, None, NE) == [on(SPLIT, NE)]  # `any` does not go with a compute unit
    assert [choice.because for choice in again.choices] == [Because.MEASURED, Because.MEASURED]
