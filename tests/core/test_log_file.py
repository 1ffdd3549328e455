"""A worker's log file: rotated, one for each lane, and the last word of a worker that had to end."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sdq.cli import cli, log_file
from sdq.cli.log_file import begin_log
from sdq_core.errors import OutputError
from sdq_core.privacy import Secrets
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Placement
from tests.core.commands import Commands

LANE = Placement(
    attention_implementation=AttentionImplementation.ORIGINAL, compute_unit=ComputeUnit.CPU_AND_GPU
)


@pytest.fixture(autouse=True)
def command() -> Iterator[None]:
    """A running command, and the tests' own logging afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with click.Context(cli, obj=Secrets(others=["s3cret"])):
        yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:], root.level = handlers, level


def test_it_is_rotated_and_tells_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "MOST_BYTES", 10_000)
    file = begin_log(str(tmp_path / "logs" / "worker.log"), lane=None, quiet=False)
    assert file is not None
    for number in range(10 * (log_file.FORMER + 2)):
        logging.getLogger("x").info("%s s3cret \x1b %s", number, "é" * 500)
    logs = list(file.parent.iterdir())
    assert len(logs) == log_file.FORMER + 1
    assert all(log.stat().st_size <= 10_000 + 2_000 for log in logs)
    newest = file.read_text(encoding="utf-8")
    assert "s3cret" not in newest
    assert "*** \\x1b é" in newest


def test_a_log_that_can_no_longer_be_written_ends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = begin_log(str(tmp_path / "logs" / "worker.log"), lane=None, quiet=True)
    assert file is not None
    logging.getLogger().handlers[0].close()
    shutil.rmtree(file.parent)
    logging.warning("lost")
    file.parent.mkdir()
    logging.warning("there again")
    assert "there again" in file.read_text()
    assert capsys.readouterr().err == ""


def test_lanes_do_not_share_a_file(tmp_path: Path) -> None:
    assert begin_log(str(tmp_path / "worker.log"), lane=LANE, quiet=True) == (
        tmp_path / "worker-original-CPU_AND_GPU.log"
    )


def test_a_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        begin_log(str(tmp_path / "file" / "worker.log"), lane=None, quiet=True)


def test_why_a_worker_ended_stands_in_its_log_and_not_on_standard_error(
    sdq: Commands, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    said = sdq("worker", "--log-file", str(log), "--redis-url", "redis://127.0.0.1:1", code=69)
    assert (said.out, said.err) == ("", "")
    assert "127.0.0.1:1" in log.read_text()
