"""`sdq doctor --model`: each compute unit draws a model's portrait, and what ends an engine is a line of the report."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sdq_core.models import DEMO, ModelStore
from sdq_core.values.variants import AttentionImplementation
from tests.acceptance.program import Program
from tests.doctor.reports import facts
from tests.translations import with_translations
from tests.units.double import install

SPLIT = ("--variant", "split_einsum")

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="a Mac has its own compute units")


def portrayed(program: Program, *arguments: str, code: int = 0, model: str = DEMO) -> Any:
    result = program.call("doctor", "--json", "--model", model, *arguments, code=code)
    assert "Traceback" not in result.stderr
    return json.loads(result.stdout)


def test_the_first_picture_is_recorded_and_each_unit_is_compared_with_it(
    program: Program, translations: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_translations(program.home, translations)
    first = facts(portrayed(program, *SPLIT), "drawing")
    revision = ModelStore(tmp_path).find(DEMO, AttentionImplementation.SPLIT_EINSUM).revision
    portrait = program.home / "portraits" / f"{revision}.png"
    recorded = portrait.read_bytes()
    assert first["demo split_einsum portrait"]["new"]
    assert first["demo split_einsum on the CPU"]["identical"]

    double = install(monkeypatch, tmp_path / "double")
    double.plan(
        {
            "unet CPU_AND_GPU": "run SIGABRT",
            "vae_decoder CPU_AND_NE": "run negative",
        }
    )
    units = ("CPU_AND_GPU", "CPU_AND_NE", "CPU_ONLY")
    chosen = [word for unit in units for word in ("--compute-unit", unit)]
    report = portrayed(program, *SPLIT, *chosen, code=1)

    drawn = facts(report, "drawing")
    assert not drawn["demo split_einsum portrait"]["new"]
    assert drawn["demo split_einsum on CPU_ONLY"]["identical"]
    assert drawn["demo split_einsum on CPU_AND_NE"]["psnr_db"] < 25
    assert "ended by SIGABRT" in drawn["demo split_einsum on CPU_AND_GPU"]["error"]
    crash, negative = report["sections"]["drawing"]["problems"]
    assert "split_einsum on CPU_AND_GPU: The engine" in crash
    assert "ended by SIGABRT" in crash
    assert negative.startswith(
        "demo split_einsum on CPU_AND_NE draws another picture than its portrait"
    )
    assert f"delete {portrait}" in negative
    assert "split_einsum on CPU_AND_GPU failed" in report["in_one_line"]
    assert portrait.read_bytes() == recorded
    assert list(program.home.rglob("*.png")) == [portrait]
    assert not (program.home / "sdq.db").exists()


def test_a_damaged_portrait_is_not_replaced(program: Program, tmp_path: Path) -> None:
    revision = ModelStore(tmp_path).find(DEMO, AttentionImplementation.SPLIT_EINSUM).revision
    portrait = program.home / "portraits" / f"{revision}.png"
    portrait.parent.mkdir(parents=True)
    portrait.write_bytes(b"no picture")

    (problem,) = portrayed(program, *SPLIT, code=1)["problems"]

    assert problem.startswith("demo split_einsum: ")
    assert f"Delete {portrait}, and run this again to record another one." in problem
    assert portrait.read_bytes() == b"no picture"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--model", "gone"), 66, "There is no model 'gone' here, only demo, demo-turbo."),
        (("--model", "demo", "--no-draw"), 2, "Use --model or --no-draw, not both."),
        (("--variant", "original"), 2, "Use --variant with --model NAME"),
        (("--model", "demo", "--variant", "any"), 65, "--variant any does not name any files."),
    ],
)
def test_what_cannot_be_portrayed_is_refused_before_anything_is_made(
    program: Program, arguments: tuple[str, ...], code: int, said: str
) -> None:
    assert said in program.call("doctor", *arguments, code=code).stderr
    assert not program.home.exists()
