"""Runs of `sdq doctor --json` and what they report."""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

import sdq_core
from tests.acceptance.program import Program

SOURCES = Path(sdq_core.__file__).resolve().parents[1]
SDQ = "from sdq.cli import main; main()"


def examined(
    program: Program, *arguments: str, code: int = 0, copied: Path | None = None, **environment: str
) -> Any:
    """Run it and give its report; nothing may be left in the temporary folder. copied: where what runs lies."""
    temporary = program.home.parent / "temporary"
    temporary.mkdir(exist_ok=True)
    command = ("doctor", "--json", *arguments)
    environment["TMPDIR"] = str(temporary)
    if copied:
        environment["PYTHONPATH"] = str(copied)
        result = program.run(*command, code=code, **environment)
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tempfile, "tempdir", str(temporary))
            result = program.call(*command, code=code, **environment)
    assert list(temporary.glob("*sdq*")) == []  # ONNX Runtime leaves a file of its own there
    assert "Traceback" not in result.stderr
    report = json.loads(result.stdout)
    assert report["well"] is (code == 0)
    assert report["problems"] == [
        problem for section in report["sections"].values() for problem in section["problems"]
    ]
    return report


def facts(report: Any, section: str) -> Any:
    return report["sections"][section]["facts"]


def without(tmp_path: Path, *hidden: str, start: str = SDQ) -> list[str]:
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
    path = f"import sys; sys.path[1:1] = [{str(seen)!r}, {str(SOURCES)!r}]"
    return [sys.executable, "-S", "-c", f"{path}; {start}"]
