"""What a service manager does: the worker is started again when it ends though nobody asked it to."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from tests.acceptance.program import Program, engines_of, stop

#: launchd and systemd wait as well.
_PAUSE_S = 2.0


class Keeper:
    """Keeps one worker. log: what all of its lives said."""

    def __init__(self, program: Program, log: Path, *options: str) -> None:
        self.log = log
        self.kills = 0
        self._program = program
        self._options = options
        self._worker = self._start()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """Let the worker vanish in the middle of an image."""
        self.kills += 1
        os.kill(self._worker.pid, signal.SIGKILL)

    def kill_engine(self) -> bool:
        """Kill an engine if one runs; give whether there was one."""
        found = engines_of(self._worker) if self._worker.poll() is None else []
        for engine in found:
            engine.kill()
        return bool(found)

    @property
    def engines(self) -> int:
        """How many engines it has."""
        return len(engines_of(self._worker)) if self._worker.poll() is None else 0

    @property
    def said(self) -> str:
        """What it has said."""
        return self.log.read_text(errors="replace")

    def end(self) -> int:
        """End it in order; give its exit code."""
        self._over.set()
        self._thread.join()
        return stop(self._worker, timeout_s=60)

    def _start(self) -> subprocess.Popen[str]:
        return self._program.start("worker", *self._options, log=self.log)

    def _keep(self) -> None:
        while not self._over.wait(0.2):
            if self._worker.poll() is not None:
                time.sleep(_PAUSE_S)
                self._worker = self._start()
