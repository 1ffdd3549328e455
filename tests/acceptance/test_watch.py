"""`sdq status --watch`: shown again every second, until everything is drawn or Ctrl-C."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.acceptance.program import Program


def test_it_shows_a_batch_until_it_is_drawn(program: Program, tmp_path: Path) -> None:
    program.call("submit", "--prompt", "the sea", "--steps", "2", "--seed", "0-2", "--batch", "b")
    shown = tmp_path / "shown"
    with shown.open("w") as out:
        watch = program.start("status", "b", "--watch", stdout=out)
    program.wait_until(lambda: shown.read_text().count("queued") >= 2)
    assert watch.poll() is None
    program.call("worker", "--burst", "--quiet")
    _, errors = watch.communicate(timeout=30)
    assert (watch.returncode, errors) == (0, "")
    assert shown.read_text().splitlines()[-1].split()[:4] == ["b", "completed", "3", "3"]


def test_ctrl_c_ends_it_without_a_traceback_and_changes_nothing(
    program: Program, tmp_path: Path
) -> None:
    program.call("submit", "--prompt", "the sea", "--batch", "b")
    before = program.call("status", "--json").stdout
    shown = tmp_path / "shown"
    with shown.open("w") as out:
        watch = program.start("status", "--watch", stdout=out)
    program.wait_until(lambda: "queued" in shown.read_text())
    watch.send_signal(signal.SIGINT)
    _, errors = watch.communicate(timeout=30)
    assert (watch.returncode, errors.strip()) == (130, "")
    assert program.call("status", "--json").stdout == before


def test_with_nothing_to_wait_for_it_returns_at_once(program: Program) -> None:
    assert program.run("status", "--watch").stdout.startswith("No batches yet")
