"""launchd: what `launchctl print` says of a job, as users have published it, and on a Mac the real one."""

from __future__ import annotations

import os
import plistlib
import sys
import time
from pathlib import Path

import pytest

from sdq.services.install import Change, install, uninstall
from sdq.services.job import Job, State
from sdq.services.launchctl import Launchd, read_state
from sdq.services.launchd import read_scheduled

RUNNING = """\
sdq.worker = {
\tactive count = 1
\tpath = /Users/ann/Library/LaunchAgents/sdq.worker.plist
\tstate = running

\tprogram = /Users/ann/venv/bin/sdq
\targuments = {
\t\t/Users/ann/venv/bin/sdq
\t\tpid = 7
\t}

\tdomain = gui/501 [100004]
\tminimum runtime = 60
\texit timeout = 120
\truns = 3
\tpid = 1486
\timmediate reason = inefficient
\tforks = 3
\tlast exit code = %s

\tevent triggers = {
\t}
}
"""


@pytest.mark.parametrize(
    ("printed", "state"),
    [
        (RUNNING % "0", State(loaded=True, pid=1486, exit_code=0)),
        (RUNNING % "78: EX_CONFIG", State(loaded=True, pid=1486, exit_code=78)),
        (RUNNING % "(never exited)", State(loaded=True, pid=1486)),
        ((RUNNING % "1").replace("\tpid = 1486\n", ""), State(loaded=True, exit_code=1)),
        ("in another form", State(loaded=True)),
    ],
)
def test_a_job_that_is_loaded_runs_or_has_ended(printed: str, state: State) -> None:
    assert read_state(printed) == state


@pytest.mark.parametrize(
    "data", [b"", b"no plist", plistlib.dumps([]), plistlib.dumps({"Label": "sdq.worker"})]
)
def test_what_is_no_schedule_of_ours_is_passed_over(data: bytes) -> None:
    assert read_scheduled(data) is None


@pytest.mark.skipif(sys.platform != "darwin", reason="needs launchd")
def test_launchd_starts_a_job_leaves_it_alone_replaces_and_removes_it(tmp_path: Path) -> None:
    manager, name = Launchd(tmp_path), f"test-{os.getpid()}"  # never the user's own worker

    def job(seconds: str) -> Job:
        return Job(
            name=name, program="/bin/sleep", words=(seconds,), environment={"SDQ_HOME": "/x"}
        )

    def pid() -> int:
        deadline = time.monotonic() + 30
        while (found := manager.state(name).pid) is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return found

    try:
        assert install(manager, job("600")) is Change.INSTALLED
        first = pid()
        assert install(manager, job("600")) is Change.NOTHING
        assert pid() == first
        assert install(manager, job("601")) is Change.REPLACED
        assert pid() != first
    finally:
        assert uninstall(manager, name)
    assert not manager.state(name).loaded
    assert not list(tmp_path.rglob("*.plist"))
