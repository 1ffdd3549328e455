"""Light installations: what the report says where there is no runtime, or half of one, or no Core ML."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sdq.doctor.runtimes import missing_runtime
from tests.acceptance.program import Program
from tests.doctor.reports import facts, without
from worker.runtimes.installing import core_ml_obstacle

RUNTIME = (
    "numpy",
    "numpy.libs",
    "onnx",
    "onnxruntime",
    "coremltools",
    "tokenizers",
    "huggingface_hub",
)


def light(program: Program, command: list[str], code: int) -> Any:
    result = subprocess.run(
        [*command, "doctor", "--json"],
        env=program.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == code, (result.stdout, result.stderr)
    assert "Traceback" not in result.stderr
    return json.loads(result.stdout)


def test_a_machine_that_only_submits_is_well_and_learns_what_drawing_needs(
    program: Program, tmp_path: Path
) -> None:
    report = light(program, without(tmp_path, *RUNTIME), 0)
    (sentence,) = report["sections"]["drawing"]["not_tried"]
    extra = "coreml" if sys.platform == "darwin" else "onnx"
    assert f"pip install 'sdq[{extra}]'" in sentence
    assert facts(report, "libraries")["numpy"] == "not installed"
    assert facts(report, "hub")["huggingface_hub"] == "not installed"
    assert "sdq[hub]" in report["sections"]["hub"]["not_tried"][0]


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac may draw without ONNX Runtime")
def test_half_a_runtime_is_a_problem(program: Program, tmp_path: Path) -> None:
    (problem,) = light(program, without(tmp_path, "onnxruntime", "tokenizers"), 1)["problems"]
    assert "onnxruntime, tokenizers" in problem
    assert "pip install 'sdq[onnx]'" in problem


def test_a_mac_whose_python_has_no_coremltools_learns_which_pythons_have() -> None:
    obstacle = core_ml_obstacle("darwin", (3, 14))
    assert obstacle is not None
    assert "coremltools has no wheel for Python 3.14" in obstacle
    assert "Python 3.11, 3.12 or 3.13, and run `pip install 'sdq[coreml]'`" in obstacle
    assert core_ml_obstacle("darwin", (3, 13)) is None
    assert core_ml_obstacle("linux", (3, 14)) is None


@pytest.mark.parametrize(
    ("hidden", "list_name"), [(("coremltools",), "problems"), (RUNTIME, "not_tried")]
)
def test_only_a_mac_that_draws_misses_coremltools(
    tmp_path: Path, hidden: tuple[str, ...], list_name: str
) -> None:
    """A Mac that only submits needs nothing; one with a runtime draws slower than it could."""
    start = (
        "from sdq.doctor.machine import libraries; section = libraries('darwin', (3, 14)); "
        "print(*section.problems, sep='\\n'); print(*section.not_tried, sep='\\n', file=sys.stderr)"
    )
    result = subprocess.run(
        without(tmp_path, *hidden, start=start), capture_output=True, text=True, check=True
    )
    said = {"problems": result.stdout.strip(), "not_tried": result.stderr.strip()}
    assert said.pop(list_name) == core_ml_obstacle("darwin", (3, 14))
    assert list(said.values()) == [""]


@pytest.mark.parametrize(
    ("platform", "python", "installed", "lists"),
    [
        ("linux", (3, 14), {"numpy", "onnx", "onnxruntime", "tokenizers"}, None),
        ("linux", (3, 11), {"numpy", "coremltools", "onnx", "tokenizers"},
         "onnxruntime. Run `pip install 'sdq[onnx]'`"),
        ("darwin", (3, 11), {"numpy", "coremltools"}, "tokenizers. Run `pip install 'sdq[coreml]'`"),
        ("darwin", (3, 11), {"numpy", "coremltools", "tokenizers"}, None),
        # Nothing of coremltools can be installed there; the portable runtime can.
        ("darwin", (3, 14), {"onnxruntime", "onnx", "numpy"}, "tokenizers. Run `pip install 'sdq[onnx]'`"),
    ],
)  # fmt: skip
def test_what_drawing_lacks_depends_on_the_machine(
    platform: str, python: tuple[int, int], installed: set[str], lists: str | None
) -> None:
    missing = missing_runtime(platform, python, installed.__contains__)
    if lists is None:
        assert missing is None
        return
    assert missing is not None
    (problem,) = missing.problems
    assert problem == f"Drawing needs packages that are not installed: {lists}."
