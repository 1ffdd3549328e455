from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from db.ledger import Ledger
from sdq.cli import cli
from sdq_core.images.root import OutputRoot
from tests.images.image_factory import picture


class Home:
    """A data folder with a ledger and outputs, and `sdq report` in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.ledger = Ledger.open(f"sqlite:///{folder / 'sdq.db'}")
        self._root = OutputRoot(folder / "outputs", home=folder, ledger_id=self.ledger.id)
        buffer = io.BytesIO()
        picture(96, 64).save(buffer, "PNG")
        self.picture = buffer.getvalue()

    def store(self, path: str) -> None:
        self._root.store(self.picture, path)

    def report(self, *arguments: str) -> Result:
        return CliRunner().invoke(cli, ["report", "--home", str(self.folder), *arguments])

    def page(self, *arguments: str) -> str:
        file = self.folder / "report.html"
        result = self.report(*arguments, "--html", str(file))
        assert result.exception is None, result.exception
        assert result.stdout == f"{file}\n"
        return file.read_text(encoding="utf-8")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    for name in ("SDQ_DATABASE_URL", "DATABASE_URL", "SDQ_OUTPUTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    home = Home(tmp_path / "home")
    yield home
    home.ledger.close()
    monkeypatch.undo()
    time.tzset()
