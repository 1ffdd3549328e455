"""`sdq bench` measures the parts besides the U-Net on each compute unit."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from sdq.views.part_times import part_lines, parts_as_dicts
from sdq_core.errors import EngineDiedError
from sdq_core.models import DEMO, ModelStore
from sdq_core.values.part_times import PartTime
from sdq_core.values.part_units import Part, PartUnits, UnitRules
from sdq_core.values.variants import AttentionImplementation, ComputeUnit
from tests.units.double import install
from worker.bench.measure import Blame, Task, around_failures
from worker.bench.parts import measure_parts
from worker.engine.handle import Suspect

ALL, GPU, NE, CPU = (
    ComputeUnit.ALL, ComputeUnit.CPU_AND_GPU, ComputeUnit.CPU_AND_NE, ComputeUnit.CPU_ONLY,
)  # fmt: skip
TEXT, VAE, CHECKER = Part.TEXT_ENCODER, Part.VAE_DECODER, Part.SAFETY_CHECKER


def test_each_part_has_its_time_on_each_unit_and_a_crash_is_that_of_its_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    double = install(monkeypatch, tmp_path / "double")
    double.plan({"vae_decoder CPU_AND_GPU": "run SIGABRT"})
    found = measure_parts(
        ModelStore(tmp_path).find(DEMO, AttentionImplementation.ORIGINAL),
        ALL,
        (ALL, GPU),
        Task(prompt="the sea at night", num_inference_steps=20, images=1),
        cache=tmp_path / "cache",
    )

    assert [(time.part, time.unit, time.usual) for time in found] == [
        (TEXT, CPU, True), (TEXT, ALL, False), (TEXT, GPU, False),
        (VAE, ALL, True), (VAE, GPU, False),
        (CHECKER, CPU, True), (CHECKER, ALL, False), (CHECKER, GPU, False),
    ]  # fmt: skip
    (failed,) = [time for time in found if time.error]
    assert (failed.part, failed.unit) == (VAE, GPU)
    assert "SIGABRT" in (failed.error or "")
    assert all(time.ms > 0 for time in found if time is not failed)
    # The same runtime computes on each.
    assert all(math.isinf(time.psnr_db) for time in found if not (time.usual or time is failed))
    assert {pair for pair in double.loaded() if pair.startswith("unet")} == {"unet ALL"}
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_part_that_fails_is_measured_on_its_next_unit_but_not_the_unet(
    caplog: pytest.LogCaptureFixture,
) -> None:
    crash = EngineDiedError("The engine ended by SIGABRT.")

    def attempt(rules: UnitRules, blame: Blame) -> PartUnits:
        units = rules.settle(GPU, attention=AttentionImplementation.ORIGINAL)
        for part in failing:
            if units.of(part) is GPU:
                blame(Suspect(part, GPU))
                raise crash
        return units

    failing = [VAE]
    assert around_failures("original on CPU_AND_GPU", attempt).vae_decoder is NE
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("original on CPU_AND_GPU: its VAE decoder failed on CPU_AND_GPU: Engine")
    failing = [VAE, Part.UNET]
    with pytest.raises(EngineDiedError):
        around_failures("original on CPU_AND_GPU", attempt)


TIMES = [
    PartTime(part=TEXT, unit=CPU, usual=True, ms=30),
    PartTime(part=TEXT, unit=NE, usual=False, ms=29, psnr_db=60),
    PartTime(part=TEXT, unit=GPU, usual=False, error="EngineDiedError: The engine\nended."),
    PartTime(part=VAE, unit=ALL, usual=True, ms=400),
    PartTime(part=VAE, unit=GPU, usual=False, ms=250, psnr_db=math.inf),
    PartTime(part=VAE, unit=NE, usual=False, ms=90, psnr_db=12),
]


def test_the_table_names_the_options_that_are_worth_it() -> None:
    assert part_lines(TIMES) == [
        "part          compute unit             time  PSNR dB",
        "text encoder  CPU_ONLY       30 ms a prompt    usual",
        "text encoder  CPU_AND_NE     29 ms a prompt     60.0",
        "VAE decoder   ALL           400 ms an image    usual",
        "VAE decoder   CPU_AND_GPU   250 ms an image     same",
        "VAE decoder   CPU_AND_NE     90 ms an image     12.0",
        "failed: text encoder on CPU_AND_GPU: EngineDiedError: The engine ended.",
        "Faster here: --part-unit vae_decoder=CPU_AND_GPU saves 150 ms an image. Or set [units] in sdq.toml.",
    ]
    assert "Faster" not in "\n".join(part_lines(TIMES[:3]))


def test_the_json_says_the_same() -> None:
    found = parts_as_dicts(TIMES)
    assert [entry["faster"] for entry in found] == [False, False, False, False, True, False]
    assert found[4]["same_pixels"]
    assert found[4]["psnr_db"] is None
    assert (found[2]["ms"], found[1]["psnr_db"]) == (None, 60)
