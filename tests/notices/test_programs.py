"""The user's command, which may do anything, and macOS's notifications."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from sdq.notices import programs
from sdq.notices.programs import notification_command, run_command
from sdq.notices.undelivered import Undelivered


def test_a_command_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    with pytest.raises(Undelivered, match=r"was ended after 0\.3 s"):
        run_command(f"sleep 60 & echo $! > {tmp_path}/pid; wait", {}, tmp_path, limit_s=0.3)
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 30
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_a_command_may_leave_its_input_unread(tmp_path: Path) -> None:
    run_command("exec <&-; exit 0", {"name": "x" * 500_000}, tmp_path)
    with pytest.raises(Undelivered, match="was ended by SIGTERM"):
        run_command(f"kill -{int(signal.SIGTERM)} $$", {}, tmp_path)


def test_macos_gets_the_text_as_an_argument() -> None:
    """Checked as far as it can be without a Mac: nothing of the text is within the script."""
    text = '"; do shell script "touch /tmp/x'
    command = notification_command("sdq: night", text)
    assert command[0] == "/usr/bin/osascript"
    assert command[-2:] == ["sdq: night", text]
    assert "touch" not in " ".join(command[:-1])


@pytest.mark.skipif(sys.platform != "darwin", reason="needs macOS and a user's session")
def test_macos_shows_a_notification() -> None:
    programs.notify_mac("sdq", "This is a test.")
