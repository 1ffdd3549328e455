"""Terminals: a pseudo-terminal with an emulator behind it, which shows what a user would see."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence

import pyte

COLOUR = re.compile(rb"\x1b\[[0-9;]*[349][0-9][0-9;]*m")


class Screen:
    """What is on a terminal, and what has scrolled out of it."""

    def __init__(self, master: int, *, columns: int = 80, lines: int = 24) -> None:
        self.master = master
        self.stream = b""
        self._screen = pyte.HistoryScreen(columns, lines, history=100_000, ratio=0.01)
        self._emulator = pyte.ByteStream(self._screen)
        self.resize(columns, lines)

    @property
    def columns(self) -> int:
        return int(self._screen.columns)

    @property
    def lines(self) -> list[str]:
        """The lines on the screen, down to the last that is not empty."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip().split("\n")

    @property
    def everything(self) -> list[str]:
        """The scrollback, then the screen."""
        scrolled = [
            "".join(row[column].data for column in range(self.columns)).rstrip()
            for row in self._screen.history.top
        ]
        return [*scrolled, *self.lines]

    @property
    def cursor(self) -> tuple[int, bool]:
        """The cursor's column, and whether it can be seen."""
        return self._screen.cursor.x, not self._screen.cursor.hidden

    def resize(self, columns: int, lines: int) -> None:
        """Resize it as most terminals do: lines that are longer wrap."""
        if columns < self.columns:
            self._wrap(columns)
        self._screen.resize(lines, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self, timeout_s: float = 0.0) -> bool:
        """Read what is there; return whether the terminal is still open."""
        while select.select([self.master], [], [], timeout_s)[0]:
            try:
                some = os.read(self.master, 65536)
            except OSError:  # all programs that had it open have ended
                return False
            if not some:
                return False
            self.stream += some
            self._emulator.feed(some.replace(b"\0", b""))  # terminals ignore these
            timeout_s = 0.0
        return True

    def wait_for(self, condition: Callable[[], object], timeout_s: float = 60) -> None:
        """Read until a condition holds."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "\n".join(self.everything)
            assert self.read(0.05) or condition(), "\n".join(self.everything)

    def shows(self, *words: str) -> bool:
        return all(word in "\n".join(self.lines) for word in words)

    def _wrap(self, columns: int) -> None:
        """Write the screen's lines anew into the narrower width; the cursor stays behind its letter."""
        row = self._screen.cursor.y
        lines = [line.rstrip() for line in self._screen.display[: row + 1]]
        self._screen.erase_in_display(2)
        self._screen.resize(self._screen.lines, columns)
        self._screen.cursor_position(1, 1)
        self._emulator.feed("\r\n".join(lines).encode())


class InTerminal(Screen):
    """A program in a terminal of its own, which controls it: Ctrl-C and closing it are as real."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        columns: int = 80,
        lines: int = 24,
        ignoring_hang_up: bool = False,
    ) -> None:
        self.pid, master = pty.fork()
        if self.pid == 0:
            if ignoring_hang_up:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
            os.execvpe(command[0], list(command), dict(environment))
        super().__init__(master, columns=columns, lines=lines)
        self._code: int | None = None

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def hang_up(self) -> None:
        os.close(self.master)

    def code(self, timeout_s: float = 60) -> int:
        """Wait for the program's end; return its exit code. What it says meanwhile is read."""
        deadline = time.monotonic() + timeout_s
        while self._code is None:
            assert time.monotonic() < deadline, "\n".join(self.everything)
            self._read_or_rest()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        self._read_or_rest()
        return self._code

    def end(self) -> None:
        """End the program, if it has not ended."""
        if self._code is None and os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def _read_or_rest(self) -> None:
        try:
            still_open = self.read(0.05)
        except (OSError, ValueError):  # hung up
            still_open = False
        if not still_open:
            time.sleep(0.02)
