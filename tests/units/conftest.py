"""A night over the double."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.units.double import install
from tests.units.night import Night


@pytest.fixture
def night(tmp_path: Path, translations: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Night]:
    made = Night(tmp_path, translations, install(monkeypatch, tmp_path / "double"))
    with made.ledger:
        yield made
