"""Commands in this process, as their users type them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from db.ledger import Ledger
from sdq.cli import main


@dataclass(frozen=True)
class Said:
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Commands:
    """`sdq` with a data folder of its own."""

    def __init__(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.home = home
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        for name in (
            "SDQ_REDIS_URL",
            "RQ_REDIS_URL",
            "REDIS_URL",
            "SDQ_DATABASE_URL",
            "DATABASE_URL",
        ):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("SDQ_HOME", str(home))

    def __call__(self, *arguments: str, code: int = 0) -> Said:
        self._monkeypatch.setattr("sys.argv", ["sdq", *arguments])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capsys.readouterr()
        assert ended.value.code == code, said
        return Said(out=said.out, err=said.err)

    def ledger(self) -> Ledger:
        return Ledger.open(f"sqlite:///{self.home / 'sdq.db'}")
