"""Lines of UTF-8 text from a file or standard input, in one pass and bounded memory.

Handles everything that can be wrong with bytes. An unusable line is reported and read as empty, so that line numbers
stay right and the rest of the file is checked in the same pass, up to `MAX_PROBLEMS`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO

from sdq_core.errors import InputError, InputMissingError, PromptFileError, StorageError

#: A prompt has tens of words; a longer line means a file without line ends.
MAX_LINE_BYTES = 2**20
#: Stops reading from an endless device; a million prompts take about a tenth of it.
MAX_FILE_BYTES = 2**30

#: Enough to see what is wrong; a file in which every line is wrong has another format.
MAX_PROBLEMS = 1000

#: The path that stands for standard input.
STANDARD_INPUT = "-"

_BOM = b"\xef\xbb\xbf"
_OTHER_ENCODINGS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"), (b"PK\x03\x04", "a zip file"))


def read_lines(
    path: str, problems: list[str], *, stdin: BinaryIO | None = None
) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text without its line end); `path` may be ``-``.

    stdin: what to read for ``-``, by default the process's own.

    Raise InputMissingError for a file that is missing or may not be read, InputError for a folder, StorageError if the
    disk does not respond.
    """
    name = display_name(path)
    try:
        if path == STANDARD_INPUT:
            if stdin is None and sys.stdin is None:  # started without one, as by some launchers
                raise InputMissingError(
                    "There is no standard input to read prompts from. Name a prompt file."
                )
            yield from _decoded(stdin or sys.stdin.buffer, name, problems)
        else:
            with open(path, "rb") as file:  # noqa: PTH123  Path would change what messages show
                yield from _decoded(file, name, problems)
    except (OSError, ValueError) as error:
        raise _translated(error, name) from error


def display_name(path: str) -> str:
    """Return a file's name in messages."""
    return "stdin" if path == STANDARD_INPUT else path


def _decoded(stream: BinaryIO, name: str, problems: list[str]) -> Iterator[tuple[int, str]]:
    total_bytes = 0
    number = 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(problems) >= MAX_PROBLEMS:
            problems.append(
                f"{name}:{number}: reading stopped here, after {MAX_PROBLEMS:,} problems"
            )
            raise PromptFileError(problems)
        offset = 0
        if number == 1:
            for mark, encoding in _OTHER_ENCODINGS:
                if raw.startswith(mark):
                    raise PromptFileError([f"{name}:1: this is {encoding}; save it as UTF-8 text"])
            if raw.startswith(_BOM):
                raw = raw[len(_BOM) :]
                offset = len(_BOM)
        total_bytes += len(raw)
        if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
            total_bytes += _skip_line(stream, MAX_FILE_BYTES - total_bytes)
            problems.append(f"{name}:{number}: the line is longer than {MAX_LINE_BYTES:,} bytes")
            raw = b""
        if total_bytes > MAX_FILE_BYTES:
            raise PromptFileError(
                [f"{name}:{number}: the file has more than {MAX_FILE_BYTES:,} bytes; split it"]
            )
        yield number, _text(raw, offset, f"{name}:{number}", problems)


def _text(raw: bytes, offset: int, where: str, problems: list[str]) -> str:
    with contextlib.suppress(UnicodeDecodeError):
        return raw.decode().rstrip("\r\n")
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        problems.append(
            f"{where}: the line is not UTF-8: its byte {error.start + offset + 1} is "
            f"0x{raw[error.start]:02X}; save the file as UTF-8"
        )
    return ""


def _skip_line(stream: BinaryIO, limit_bytes: int) -> int:
    skipped = 0
    while skipped <= limit_bytes and (rest := stream.readline(MAX_LINE_BYTES)):
        skipped += len(rest)
        if rest.endswith(b"\n"):
            break
    return skipped


def _translated(error: OSError | ValueError, name: str) -> Exception:
    if not isinstance(error, OSError):
        if "null" not in str(error):
            return error
        return InputMissingError(f"No file can have the name {name!r}.")
    if isinstance(error, IsADirectoryError):
        return InputError(f"The prompt file {name} is a folder. Name the files in it.")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return InputMissingError(f"The prompt file {name} does not exist.")
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno == errno.EIO:
        return StorageError(f"Cannot read the prompt file {name} ({reason}). Try again.")
    return InputMissingError(f"Cannot read the prompt file {name} ({reason}).")
