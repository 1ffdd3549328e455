from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.program import Program


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """An `sdq` with an empty data folder; all its processes end with the test."""
    program = Program(tmp_path / "home")
    yield program
    program.close()


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """A prompt file of four prompts."""
    path = tmp_path / "prompts.txt"
    path.write_text(
        "# four postcards\n"
        "a red house on the left in a meadow by day\n"
        "the sea at night --n fog\n"
        "a tent in the snow\n"
        "the mountains at sunset, a blue kite on the right\n"
    )
    return path
