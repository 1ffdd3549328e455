"""Keeps the machine from falling asleep by itself while a worker draws; the display may sleep.

A child process holds the system's own lock and ends with the worker however that ends: `caffeinate -w` watches the
worker's process, and what `systemd-inhibit` runs reads from a pipe of which only the worker has the other end. Where
neither works, the machine sleeps as it did before.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

log = logging.getLogger(__name__)

#: Exists where systemd runs, not only where its programs are installed.
_SYSTEMD = Path("/run/systemd/system")


def keeping_awake() -> Sequence[str]:
    """Return the command that keeps this machine awake while it runs; empty if there is none."""
    if sys.platform == "darwin":
        return ("/usr/bin/caffeinate", "-i", "-w", str(os.getpid()))
    inhibit = shutil.which("systemd-inhibit") if _SYSTEMD.is_dir() else None
    if inhibit is None:
        return ()
    why = ("--who=sdq", "--why=Drawing images", "--mode=block")
    return (inhibit, "--what=idle:sleep", *why, "cat")


class Awake:
    """The lock of one worker. Never fails: without a lock, the worker draws all the same."""

    def __init__(self, command: Sequence[str] | None = None) -> None:
        """Hold nothing yet. command: what holds the lock while it runs; None for this system's own."""
        self._command = keeping_awake() if command is None else command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process that holds the lock."""
        return self._process.pid if self._process else None

    def begin(self) -> None:
        """Hold the lock, unless it is held."""
        if self._process is not None and self._process.poll() is not None:
            self.end()
            self._command = ()  # it does not work here
            log.info(
                "This machine cannot be kept awake: it may fall asleep while images are drawn."
            )
        if self._process is not None or not self._command:
            return
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C is for the worker; and nobody is asked for a password
            )  # fmt: skip

    def end(self) -> None:
        """Let the machine sleep again."""
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.stdin is not None:
            process.stdin.close()
        process.terminate()
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
