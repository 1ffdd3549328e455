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


@pytest.mark.parametrize(
    ("option", "written", "says"),
    [
        ("--steps", "30.0", ""),
        ("--steps", "\u0663\u0660", ""),
        ("--steps", "7,5", ""),
        ("--cfg-scale", "7,5", "'7,5' may be one number or two; write 7.5 or 7.0,5.0"),
        ("--cfg-scale", "nan", "guidance_scale is 'nan', which is not a number"),
        ("--steps", "\u22121", "num_inference_steps is -1; use 1 to 1000"),
    ],
)
def test_numbers_are_read_as_in_prompt_files(
    option: str, written: str, says: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    arguments = [
        "submit",
        "--prompt",
        "a boat",
        option,
        written,
        "--dry-run",
        "--home",
        str(tmp_path),
    ]
    monkeypatch.setattr("sys.argv", ["sdq", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert bool(ended.value.code) == bool(says)
    assert says in capsys.readouterr().err
