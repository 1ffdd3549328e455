"""Lines of UTF-8 text from a file or standard input, in one pass and bounded memory; the way in for every format.

Handles everything that can be wrong with bytes. An unusable line is reported and read as empty, so that line numbers
stay right and the rest of the file is checked in the same pass, up to `MAX_PROBLEMS`.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import BinaryIO

from producer.reading.characters import EDGES
from sdq_core.errors import InputError, InputMissingError, PromptFileError, StorageError

#: A prompt has tens of words; a longer line means a file without line ends.
MAX_LINE_BYTES = 2**20
#: Stops reading from an endless device; a million prompts take about a tenth of it.
MAX_FILE_BYTES = 2**30

#: Enough to see what is wrong; a file in which every line is wrong has another format.
MAX_PROBLEMS = 1000

#: The path that stands for standard input.
STANDARD_INPUT = "-"

_BLOCK_BYTES = 2**16
_PAGE = "a web page or another document in XML; save its text as UTF-8 text"
_IMAGE = "an image; `sdq rerun` draws it again"
#: How files begin that are no plain text, though often named so -> what they are.
_BEGINNINGS = (
    (b"\xff\xfe\0\0", "UTF-32; save it as UTF-8 text"),
    (b"\0\0\xfe\xff", "UTF-32; save it as UTF-8 text"),
    (b"\xff\xfe", "UTF-16; save it as UTF-8 text"),
    (b"\xfe\xff", "UTF-16; save it as UTF-8 text"),
    (
        b"PK\x03\x04",
        "a zip file, as .xlsx, .ods and .docx are; save a sheet as CSV, a text as UTF-8 text",
    ),
    (
        b"\xd0\xcf\x11\xe0",
        "a document of Microsoft Office; save a sheet as CSV, a text as UTF-8 text",
    ),
    (b"{\\rtf", "a document in RTF; save it as plain text in UTF-8"),
    (b"%PDF-", "a PDF; save its text as a text file"),
    (b"\x1f\x8b", "compressed with gzip; unpack it"),
    (b"<!DOCTYPE", _PAGE),
    (b"<!doctype", _PAGE),
    (b"<html", _PAGE),
    (b"<?xml", _PAGE),
    (b"\x89PNG", _IMAGE),
    (b"\xff\xd8\xff", _IMAGE),
)


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
    first = stream.read(_BLOCK_BYTES)
    if other := _other_encoding(first):
        problems.append(f"{name}:1: this is {other}")  # one problem, not one a line
        return
    total_bytes = 0
    for number, raw in enumerate(_raw_lines(first, stream, name), 1):
        if len(problems) >= MAX_PROBLEMS:
            problems.append(
                f"{name}:{number}: reading stopped here, after {MAX_PROBLEMS:,} problems"
            )
            raise PromptFileError(problems)
        total_bytes += len(raw) + 1
        if total_bytes > MAX_FILE_BYTES:
            raise PromptFileError(
                [f"{name}:{number}: the file has more than {MAX_FILE_BYTES:,} bytes; split it"]
            )
        if len(raw) > MAX_LINE_BYTES:
            problems.append(f"{name}:{number}: the line is longer than {MAX_LINE_BYTES:,} bytes")
            yield number, ""
        else:
            yield number, _text(raw, f"{name}:{number}", problems)


def _raw_lines(block: bytes, stream: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield the lines of a first block and all that follows, without their ends.

    An end is LF, CRLF or, as a spreadsheet on a Mac still writes it, CR. Of a line that is too long, one byte more than
    may be is returned.
    """
    pending = bytearray()
    dropped_bytes = 0
    held = b""
    while block:
        block = held + block
        held = b"\r" if block.endswith(b"\r") else b""  # the LF may be the first of the next block
        if held:
            block = block[:-1]
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *whole, rest = block.split(b"\n")
        for line in whole:
            if pending:
                pending += line
                yield bytes(pending[: MAX_LINE_BYTES + 1])
                pending.clear()
            else:
                yield line
        if len(pending) <= MAX_LINE_BYTES:
            pending += rest
        else:
            dropped_bytes += len(rest)
            if dropped_bytes > MAX_FILE_BYTES:  # an endless device
                raise PromptFileError(
                    [f"{name}:1: the file has more than {MAX_FILE_BYTES:,} bytes; split it"]
                )
        block = stream.read(_BLOCK_BYTES)
    if pending or held:
        yield bytes(pending[: MAX_LINE_BYTES + 1])


def _other_encoding(block: bytes) -> str | None:
    """Return what a file is whose first block shows that it is not UTF-8 text, and what to do about it."""
    for beginning, what in _BEGINNINGS:
        if block.startswith(beginning):
            return what
    if b"\0" not in block or not block.strip(b"\0"):
        return None
    fours = block[: len(block) // 4 * 4]
    if fours and any(_is_text(fours, encoding) for encoding in ("utf-32-le", "utf-32-be")):
        return "UTF-32 without a mark; save it as UTF-8 text"
    return "UTF-16 without a mark; save it as UTF-8 text" if _is_unmarked_utf16(block) else None


def _is_unmarked_utf16(block: bytes) -> bool:
    """Tell UTF-16 by its NULs: every other byte in European languages; some, and no valid UTF-8, in others."""
    pairs = len(block) // 2
    if any(3 * block[first : 2 * pairs : 2].count(0) > 2 * pairs for first in (0, 1)):
        return True
    with contextlib.suppress(UnicodeDecodeError):
        codecs.getincrementaldecoder("utf-8")().decode(block)
        return False
    return any(_is_text(block[: 2 * pairs], encoding) for encoding in ("utf-16-le", "utf-16-be"))


def _is_text(block: bytes, encoding: str) -> bool:
    # The last character of a full block may be half a pair.
    text = block.decode(encoding, "replace")[: -1 if len(block) == _BLOCK_BYTES else None]
    return not any(
        unicodedata.category(character) in {"Cc", "Cn", "Co", "Cs"} or character == "\ufffd"
        for character in text
        if character not in "\t\r\n"
    )


def _text(raw: bytes, where: str, problems: list[str]) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        problems.append(
            f"{where}: the line is not UTF-8, as its byte 0x{raw[error.start]:02X} shows; "
            "save the file as UTF-8"
        )
        return ""
    return text if text.isascii() else text.strip(EDGES)


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
