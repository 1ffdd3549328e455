"""When a unit is to blame, and for how long: many failures, one after the other, without engines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from db.ledger import Ledger
from sdq_core.errors import BrokenImageError, EngineDiedError, SdqError
from sdq_core.values.machine import Machine
from sdq_core.values.part_units import Part, PartUnits
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Variant
from tests.ledger.plans import VARIANT
from tests.worker.studio import StoppableShift
from worker.drawing.units import Units
from worker.engine.handle import Suspect

MAC = Machine(host="mac", chip="Apple M5 Pro", os="macOS 27.2 (26C1)")
SPLIT = replace(VARIANT, attention_implementation=AttentionImplementation.SPLIT_EINSUM)
ALL, GPU, NE, CPU = (
    ComputeUnit.ALL,
    ComputeUnit.CPU_AND_GPU,
    ComputeUnit.CPU_AND_NE,
    ComputeUnit.CPU_ONLY,
)
CRASH = EngineDiedError("The engine ended by SIGABRT.")
BROKEN = BrokenImageError("The image has only one colour.")


class Bench:
    """One worker's knowledge, and engines that exist in name only."""

    def __init__(self, ledger: Ledger, variant: Variant = SPLIT) -> None:
        self.ledger = ledger
        self.variant = variant
        self.units = Units(ledger, StoppableShift(), machine=MAC)

    def next_engine(self, *, vae_is_float32: bool = False) -> PartUnits:
        """The units that the next engine would have."""
        return self.units.rules(self.variant).settle(
            self.variant.compute_unit,
            attention=self.variant.attention_implementation,
            vae_is_float32=vae_is_float32,
        )

    def draws(self) -> None:
        self.units.note_worked(self.variant, self.next_engine(), Part)

    def fails(self, part: Part, error: SdqError, **facts: bool) -> tuple[ComputeUnit, bool]:
        """Let the next engine fail; return on which unit, and whether that is to blame."""
        unit = self.next_engine(**facts).of(part)
        return unit, self.units.explains(self.variant, Suspect(part, unit), error)

    def failed(self) -> set[str]:
        trials = self.ledger.unit_trials.of(MAC)
        return {f"{trial.part} {trial.unit}" for trial in trials if trial.error is not None}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path / 'sdq.db'}") as ledger:
        yield ledger


def test_what_ends_the_text_encoder_on_every_unit_counts_at_last(ledger: Ledger) -> None:
    bench = Bench(ledger)
    bench.draws()

    found = [bench.fails(Part.TEXT_ENCODER, CRASH) for _ in range(6)]

    assert found == [
        (CPU, True),  # it has worked: a second chance
        (CPU, True),
        (NE, True),
        (GPU, False),
        (CPU, True),  # nothing does better, so what has worked is used again
        (GPU, False),
    ]
    assert bench.next_engine().text_encoder is CPU


def test_units_that_have_all_worked_are_not_avoided_for_good(ledger: Ledger) -> None:
    bench = Bench(ledger)
    every = [unit for unit in ComputeUnit if unit is not CPU]
    for unit in every:
        ledger.unit_trials.note_worked(MAC, SPLIT.revision, [(Part.UNET, unit)])

    found = [bench.fails(Part.UNET, CRASH) for _ in range(6)]

    assert [unit for unit, _ in found] == [ALL, ALL, NE, NE, GPU, GPU]
    assert [blamed for _, blamed in found] == [False, True] * 2 + [False, False]
    assert bench.next_engine().unet is ALL
    assert bench.failed() == set()


def test_a_picture_that_is_broken_where_others_were_good_clears_the_unit_before(
    ledger: Ledger,
) -> None:
    bench = Bench(ledger)
    ledger.unit_trials.note_worked(MAC, SPLIT.revision, [(Part.UNET, NE)])

    assert bench.fails(Part.UNET, BROKEN) == (ALL, True)
    assert bench.fails(Part.UNET, BROKEN) == (NE, False)

    assert bench.next_engine().unet is ALL
    bench.draws()
    assert bench.failed() == set()


def test_a_doubt_ends_when_another_worker_does_better_on_the_same_unit(ledger: Ledger) -> None:
    bench = Bench(ledger)
    assert bench.fails(Part.UNET, BROKEN) == (ALL, True)
    ledger.unit_trials.note_worked(MAC, SPLIT.revision, [(Part.UNET, ALL)])

    bench.draws()

    assert bench.failed() == set()


def test_a_vae_in_float32_has_no_unit_left_after_its_last(ledger: Ledger) -> None:
    bench = Bench(ledger)

    found = [bench.fails(Part.VAE_DECODER, CRASH, vae_is_float32=True) for _ in range(4)]

    assert found == [(GPU, True), (NE, True), (CPU, False), (CPU, False)]
    assert bench.next_engine(vae_is_float32=True).vae_decoder is CPU


def test_variants_of_other_files_are_not_suspected(ledger: Ledger) -> None:
    bench = Bench(ledger)
    assert bench.fails(Part.UNET, BROKEN) == (ALL, True)

    other = Bench(ledger, replace(SPLIT, revision="another"))
    other.units = bench.units
    assert other.next_engine().unet is ALL
    other.draws()

    assert bench.failed() == set()
    bench.draws()
    assert bench.failed() == {"unet ALL"}
