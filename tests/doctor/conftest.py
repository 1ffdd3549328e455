"""An installation that tests may damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.acceptance.program import Program
from tests.doctor.reports import SOURCES


@pytest.fixture
def program(new_program: Program) -> Program:
    """An `sdq` that was never used: the doctor draws in a folder of its own."""
    return new_program


@pytest.fixture
def copied(program: Program, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A copy of all that is installed, to be damaged, and the environment in which it is what runs."""
    root = tmp_path / "copied"
    for package in ("sdq", "db", "worker", "producer", "sdq_core"):
        shutil.copytree(
            SOURCES / package, root / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    return root / "sdq_core" / "demo_model", {"PYTHONPATH": str(root)}
