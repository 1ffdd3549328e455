"""`sdq submit` and its ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from db.connection import Database
from db.ledger import Ledger
from sdq.cli import main
from tests.core.small_ledger import submit


def test_one_submit_opens_its_ledger_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Ledger.open(f"sqlite:///{tmp_path / 'sdq.db'}") as ledger:
        submit(ledger, "a boat")
    opened: list[Database] = []
    open_database = Database.__init__

    def counted(database: Database, *args: Any, **options: Any) -> None:
        opened.append(database)
        open_database(database, *args, **options)

    monkeypatch.setattr(Database, "__init__", counted)
    arguments = ["submit", "--prompt", "a boat", "--dry-run", "--home", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["sdq", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "Batch prompt: " in capsys.readouterr().out
    assert len(opened) == 1
