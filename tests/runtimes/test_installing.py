"""A machine without a runtime says what to install, in words that work there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from worker.runtimes.installing import how_to_install

CHOOSE = """
import sys
from pathlib import Path
from sdq_core.errors import ConfigurationError
sys.platform = "darwin"
from worker.runtimes.choice import choose_runtime
try:
    choose_runtime(cache=Path("cache"), threads=None)
except ConfigurationError as error:
    print(error)
"""


def test_each_system_has_its_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert how_to_install() == "`pip install 'sdq[onnx]'`"
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(sys, "version_info", (3, 13, 0, "final", 0))
    assert how_to_install() == "`pip install 'sdq[coreml]'`"


def test_a_python_without_coremltools_is_sent_to_one_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(sys, "version_info", (3, 14, 0, "final", 0))
    said = how_to_install()
    assert "no wheel for Python 3.14" in said
    assert "Python 3.11, 3.12 or 3.13" in said
    assert "`pip install 'sdq[onnx]'`" in said


def test_a_mac_without_a_runtime_is_told_in_one_sentence(tmp_path: Path) -> None:
    for library in ("coremltools", "onnxruntime"):
        (tmp_path / f"{library}.py").write_text(
            f"raise ImportError('no {library} here', name='{library}')\n"
        )
    path = f"{tmp_path}:{Path(__file__).parents[2]}"
    result = subprocess.run(
        [sys.executable, "-c", CHOOSE],
        env={"PYTHONPATH": path, "HOME": str(tmp_path)},
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Drawing needs onnxruntime, which is not installed: ")
