from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.program import Program
from tests.translations import with_translations


@pytest.fixture
def program(tmp_path: Path, translations: Path) -> Iterator[Program]:
    """An `sdq` whose data folder has nothing but the demo model's translations; all its processes end with the test."""
    program = Program(with_translations(tmp_path / "home", translations))
    yield program
    program.close()


@pytest.fixture
def new_program(tmp_path: Path) -> Iterator[Program]:
    """An `sdq` that was never used: it has no data folder, and translates before it draws."""
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
