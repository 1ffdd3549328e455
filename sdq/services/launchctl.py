"""launchd's agents of this user: where their files are, and `launchctl`, which loads them."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from sdq.services.asking import asked, must
from sdq.services.job import SCHEDULE, STOP_S, WORKER, Job, Scheduled, State
from sdq.services.launchd import label, plist, read_scheduled
from sdq_core.errors import OutputError, TryAgainError

_LAUNCHCTL = "/bin/launchctl"
#: `launchctl print` is made for people, and its form is not promised; these lines have been the same for years.
_PID = re.compile(r"^\tpid = ([0-9]+)$", re.MULTILINE)
_EXIT_CODE = re.compile(r"^\tlast exit code = ([0-9]+)", re.MULTILINE)
_POLL_S = 0.2
#: For a moment after a job has gone, launchd may refuse its successor: input/output error, operation in progress.
_STILL_UNLOADING = (5, 37)
_TRIES, _AGAIN_AFTER_S = 5, 1.0


class Launchd:
    """The agents of this user's sessions with a screen, in which Core ML reaches the GPU."""

    def __init__(self, home: Path) -> None:
        """home: the user's home folder."""
        self._agents = home / "Library" / "LaunchAgents"
        self._logs = home / "Library" / "Logs" / "sdq"

    @property
    def log_file(self) -> Path | None:
        """Where the worker is to log."""
        return self._logs / f"{WORKER}.log"

    def note(self, name: str) -> str:
        """Return where a job's messages are, and when it runs."""
        return f"Messages go to {self._logs}/{name}.*. Runs while you are logged in."

    def obstacle(self) -> str | None:
        """Return why nothing can be installed: never, on a Mac."""
        return None

    def files(self, job: Job) -> dict[Path, bytes]:
        """Return a job's files."""
        return {self._file(job.name): plist(job, self._logs)}

    def paths(self, name: str) -> list[Path]:
        """Return where a job's files are."""
        return [self._file(name)]

    def scheduled(self) -> list[Scheduled]:
        """Return the daily commands that are installed."""
        files = sorted(self._agents.glob(f"{label(SCHEDULE)}*.plist"))
        return [found for file in files if (found := read_scheduled(file.read_bytes()))]

    def state(self, name: str) -> State:
        """Look at a job."""
        printed = asked(_LAUNCHCTL, "print", self._target(name))
        return State(loaded=False) if printed.returncode else read_state(printed.stdout)

    def start(self, job: Job) -> None:
        """Load a job's file, in place of the one that was loaded before."""
        self.stop(job.name)
        try:
            self._logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self._logs} cannot be created ({error.strerror}).") from error
        load = (_LAUNCHCTL, "bootstrap", self._domain, str(self._file(job.name)))
        for _ in range(_TRIES):
            if asked(*load).returncode not in _STILL_UNLOADING:
                break
            time.sleep(_AGAIN_AFTER_S)
        if not self.state(job.name).loaded:
            must(*load)

    def stop(self, name: str) -> None:
        """Unload a job and wait until its process has ended, having saved its image."""
        if not self.state(name).loaded:
            return
        # Its exit code says nothing: it may return before the process has ended, with 36.
        asked(_LAUNCHCTL, "bootout", self._target(name), timeout_s=STOP_S + 30)
        deadline = time.monotonic() + STOP_S + 30
        while self.state(name).loaded:
            if time.monotonic() > deadline:
                raise TryAgainError(
                    f"{label(name)} was told to stop, and has not ended. Try again."
                )
            time.sleep(_POLL_S)

    def reread(self) -> None:
        """Notice that files are gone: launchd reads them only when it is told to load them."""

    @property
    def _domain(self) -> str:
        return f"gui/{os.getuid()}"

    def _target(self, name: str) -> str:
        return f"{self._domain}/{label(name)}"

    def _file(self, name: str) -> Path:
        return self._agents / f"{label(name)}.plist"


def read_state(printed: str) -> State:
    """Read what `launchctl print` prints of a job."""
    pid, code = _PID.search(printed), _EXIT_CODE.search(printed)
    return State(
        loaded=True,
        pid=int(pid[1]) if pid else None,
        exit_code=int(code[1]) if code else None,
    )
