"""The machine stays awake while a worker draws, and no longer."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from worker.duty.awake import Awake


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_the_machine_may_sleep_again_when_drawing_ends() -> None:
    awake = Awake(["cat"])
    awake.begin()
    pid = awake.pid
    awake.begin()
    assert awake.pid == pid is not None
    awake.end()
    assert awake.pid is None
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("command", [["false"], ["/nowhere/systemd-inhibit"], []])
def test_a_machine_that_cannot_be_kept_awake_draws_all_the_same(command: list[str]) -> None:
    awake = Awake(command)
    awake.begin()
    if (pid := awake.pid) is not None:
        wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    awake.begin()
    awake.begin()
    assert awake.pid is None
    awake.end()


def test_a_killed_worker_leaves_no_machine_awake() -> None:
    code = (
        "from worker.duty.awake import Awake; import time; awake = Awake(['cat']); awake.begin();"
        "print(awake.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        lock = psutil.Process(int(worker.stdout.readline()))
        worker.send_signal(signal.SIGKILL)
    wait_until(lambda: not lock.is_running() or lock.status() == psutil.STATUS_ZOMBIE)
