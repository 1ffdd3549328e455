"""Light installations: what a machine learns that has no runtime, or half of one."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.program import Program
from tests.doctor.reports import SOURCES, facts

RUNTIME = (
    "numpy",
    "numpy.libs",
    "onnx",
    "onnxruntime",
    "coremltools",
    "tokenizers",
    "huggingface_hub",
)


def without(tmp_path: Path, *hidden: str) -> list[str]:
    """A Python that sees all that is installed here but some packages, as far as `import` and metadata go."""
    numpy = importlib.util.find_spec("numpy")
    assert numpy is not None
    assert numpy.origin is not None
    installed = Path(numpy.origin).parents[1]
    seen = tmp_path / "site"
    seen.mkdir()
    for entry in installed.iterdir():
        name = entry.name.partition("-")[0].lower()
        if name not in hidden:
            (seen / entry.name).symlink_to(entry)
    start = (
        f"import sys; sys.path[1:1] = [{str(seen)!r}, {str(SOURCES)!r}]; "
        "from sdq.cli import main; main()"
    )
    return [sys.executable, "-S", "-c", start]


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
