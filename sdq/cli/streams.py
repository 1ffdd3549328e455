"""Standard input, output and error, as main finds them: closed, dead, full, or in an encoding that lacks letters.

What only reports must not end work, so neither stream raises when it is written. Standard error forgets what it could
not say. Standard output remembers it: `exit_code` turns a command that worked into one that failed, at its end.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import select
import sys
from typing import Any, TextIO

from sdq_core.errors import EXIT_FAILURE, EXIT_IO_ERROR


def settle_streams() -> None:
    """Give this process three streams that can be used; once, before anything else is opened.

    A file opened while one of them is closed would take its number, and what a library writes there, such as a ledger.
    `sys.stdin` stays None if there is none.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            os.set_inheritable(number, True)
    if sys.stdout is sys.__stdout__:
        sys.stdout = _settled(1, sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _settled(2, sys.stderr)


def _settled(number: int, stream: TextIO | None) -> _Settled:
    return _Settled(number, stream.encoding if stream else "utf-8")


def output_is_lost() -> OSError | None:
    """Return why standard output can no longer be written; None if it can."""
    return sys.stdout.raw_output.lost if isinstance(sys.stdout, _Settled) else None


def exit_code(code: int) -> tuple[int, str]:
    """Write out what is left; return the exit code of a command that ends with `code`, and a sentence if one is due.

    A reader of a pipe that has seen enough (`sdq status | head`) is told nothing.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    lost = output_is_lost()
    if lost is None or code:
        return code, ""
    if lost.errno == errno.EPIPE:
        return EXIT_FAILURE, ""
    return EXIT_IO_ERROR, f"the output cannot be written ({lost.strerror}). Nothing is lost."


class _Patient(io.FileIO):
    """Remembers the first error of writing, and takes whatever comes after it to be written."""

    lost: OSError | None = None

    def write(self, data: Any, /) -> int:
        while self.lost is None:
            try:
                written: int | None = super().write(data)
                if written is not None:
                    return written
                select.select([], [self], [])  # full, and another process made it non-blocking
            except OSError as error:
                self.lost = error
        return len(memoryview(data))


class _Settled(io.TextIOWrapper):
    """A stream that shows what its encoding lacks as escapes."""

    def __init__(self, number: int, encoding: str) -> None:
        self.raw_output = _Patient(number, "w", closefd=False)
        self._ascii = codecs.lookup(encoding).name == "ascii"
        super().__init__(
            io.BufferedWriter(self.raw_output),
            # click takes ASCII for a mistake and writes UTF-8 instead.
            encoding="latin-1" if self._ascii else encoding,
            errors="backslashreplace",
            line_buffering=True,
        )

    def write(self, text: str, /) -> int:
        if self._ascii:
            super().write(text.encode("ascii", "backslashreplace").decode("ascii"))
            return len(text)
        return super().write(text)
