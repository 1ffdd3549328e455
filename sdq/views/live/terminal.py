"""A terminal that is written to and never waited for.

Whoever draws has one thread. A terminal that stands still (Ctrl-S, a connection that was lost) must not hold it up, and
one that is gone must not end it. What does not fit stays here until it does.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
from typing import TextIO

#: More is forgotten: a terminal that stands still for a night.
_AT_MOST_BYTES = 1 << 20
#: How long the end of a view may wait for its terminal.
_PATIENCE_S = 0.5

#: Terminals that cannot move their cursor, or do not say what they are.
_PLAIN = frozenset({"", "dumb", "unknown"})

# Shown at once (a synchronized update, where the terminal knows that), and the cursor stays out of sight meanwhile.
_BEGIN = "\x1b[?2026h\x1b[?25l"
_END = "\x1b[?25h\x1b[?2026l"


class Terminal(io.TextIOBase):
    """One terminal."""

    def __init__(self, descriptor: int, encoding: str) -> None:
        """Write to a descriptor, which this closes in the end. One that blocks is waited for after all."""
        self._descriptor = descriptor
        self._encoding = encoding
        self._waiting = bytearray()
        self.is_gone = False  # it was closed

    @classmethod
    def behind(cls, stream: TextIO, kind: str) -> Terminal | None:
        """Return the terminal that a stream leads to; None if it leads elsewhere, or to one without a cursor.

        kind: the value of TERM.
        """
        try:
            descriptor = stream.fileno()
            if kind.lower() in _PLAIN or not os.isatty(descriptor):
                return None
        except (OSError, ValueError):
            return None
        try:
            # Opened anew: whether to wait is a property that all who share a descriptor share, the shell too.
            flags = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK
            opened = os.open(os.ttyname(descriptor), flags)
        except OSError:  # after `su`, it is still the other user's
            opened = os.dup(descriptor)
        return cls(opened, stream.encoding)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding that its user wants."""
        return self._encoding

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        with contextlib.suppress(OSError):
            columns, lines = os.get_terminal_size(self._descriptor)
            if columns and lines:
                return columns, lines
        return 80, 24

    @property
    def is_ours(self) -> bool:
        """Whether this process may draw on it; not while it is in the shell's background."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:  # the terminal of another session, which somebody chose for us
            return True

    def is_behind(self) -> bool:
        """Whether it has not taken yet what was written."""
        self.flush()
        return bool(self._waiting)

    def isatty(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def write(self, text: str, /) -> int:
        """Write, now or later."""
        data = f"{_BEGIN}{text}{_END}".encode(self._encoding, "backslashreplace") if text else b""
        if not self.is_gone and len(self._waiting) + len(data) <= _AT_MOST_BYTES:
            self._waiting += data
        return len(text)

    def flush(self) -> None:
        """Write as much as the terminal takes now."""
        while self._waiting and not self.is_gone:
            # Taken out first: a signal may come in between, and its handler write too.
            some = bytes(self._waiting)
            self._waiting.clear()
            try:
                written = os.write(self._descriptor, some)
            except BlockingIOError:
                written = 0
            except OSError:
                self.is_gone = True
                return
            self._waiting[:0] = some[written:]
            if written < len(some):
                return

    def close(self) -> None:
        """Wait a moment for the terminal to take the rest, and close it."""
        if self.closed:
            return
        self._waiting += _END.encode()  # a Ctrl-C makes terminals drop what they have not shown yet
        if self.is_behind() and not self.is_gone:
            select.select([], [self._descriptor], [], _PATIENCE_S)
            self.flush()
        os.close(self._descriptor)
        super().close()
