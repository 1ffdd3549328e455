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
def copied(tmp_path: Path) -> Path:
    """A folder with a copy of all that is installed, to be damaged."""
    root = tmp_path / "copied"
    for package in ("sdq", "db", "worker", "producer", "sdq_core"):
        shutil.copytree(SOURCES / package, root / package)
    return root
