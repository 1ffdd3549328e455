from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.commands import Commands


@pytest.fixture
def sdq(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Commands:
    """The command line, in this process, with a folder of its own to be in."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return Commands(tmp_path / "home", monkeypatch, capsys)
