"""A host: one computer as sdq sees it, with a data folder, a name and a clock of its own."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.chaos.clocks import Clock

_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
_CLONE_NEWUTS = 0x04000000
#: What lets root write into folders that are closed to it: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
_ABOVE_RIGHTS = (1, 2)


class Host:
    """A data folder and the processes that have it."""

    def __init__(
        self, name: str, folder: Path, *, shared: Mapping[str, str], clock: Clock | None = None
    ) -> None:
        """Make the data folder. shared: settings that all hosts have in common; clock: None for a right one."""
        self.name = name
        self.home = folder
        self.clock = clock
        self._shared = shared
        self.home.mkdir(parents=True, exist_ok=True)

    def environment(self, clock: Clock | None = None) -> dict[str, str]:
        """Nothing of this shell's own settings. clock: another than the host's."""
        strangers = ("SDQ_", "RQ_", "REDIS_", "DATABASE_")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(strangers)}
        clock = clock or self.clock
        return (
            kept
            | {"SDQ_HOME": str(self.home), "NO_COLOR": "1"}
            | dict(self._shared)
            | (clock.environment if clock else {})
        )

    def start(
        self, *arguments: str, log: Path, clock: Clock | None = None
    ) -> subprocess.Popen[bytes]:
        """Start an `sdq` command that ends with this process and obeys folders' rights, root or not."""
        program = Path(sys.executable).with_name("sdq")
        with log.open("ab") as file:
            return subprocess.Popen(
                [program, *arguments],
                env=self.environment(clock),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                preexec_fn=self._become_ordinary if sys.platform == "linux" else None,  # noqa: PLW1509
            )

    def processes(self) -> list[psutil.Process]:
        """List the living processes of this host, those whose parent is gone included."""
        found = []
        for process in psutil.process_iter():
            try:
                if (
                    process.environ().get("SDQ_HOME") == str(self.home)
                    and process.status() != psutil.STATUS_ZOMBIE
                ):
                    found.append(process)
            except (psutil.Error, OSError):  # it ended meanwhile, or is somebody else's
                continue
        return sorted(found, key=lambda process: process.pid)

    def engines(self) -> list[psutil.Process]:
        """List the engines, loading or loaded, also those whose worker is gone."""
        found = []
        for process in self.processes():
            try:
                if "worker.engine.main" in process.cmdline():
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def _become_ordinary(self) -> None:
        # Between fork and exec: nothing but system calls. Errors mean that there was nothing to give up.
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if libc.unshare(_CLONE_NEWUTS) == 0:  # as root: a host name of its own
            libc.sethostname(self.name.encode(), len(self.name))
        for capability in _ABOVE_RIGHTS:
            libc.prctl(_PR_CAPBSET_DROP, capability)
