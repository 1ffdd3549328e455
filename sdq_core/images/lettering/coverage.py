"""Which characters a font file may show, read from its `cmap` table alone.

Opening a font with FreeType to ask for a letter took nine times as long with 290 fonts, and keeps its file open. The
answer is an upper bound: a font may map a character within one of its ranges to no glyph. Format and names:
https://learn.microsoft.com/typography/opentype/spec/cmap
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from pathlib import Path
from typing import BinaryIO

#: Platform and encoding of the tables of Unicode, the fullest first.
_UNICODE = ((3, 10), (0, 6), (0, 4), (3, 1), (0, 3), (0, 2), (0, 1), (0, 0))
_MOST_BYTES = 4_000_000


class Coverage:
    """Ranges of code points."""

    def __init__(self, starts: array[int], ends: array[int]) -> None:
        self._starts = starts
        self._ends = ends

    def __contains__(self, letter: str) -> bool:
        code = ord(letter)
        at = bisect_right(self._starts, code) - 1
        return at >= 0 and code <= self._ends[at]


def coverage_of(path: Path) -> Coverage:
    """Read a TrueType or OpenType file, of a collection the first font; raise OSError or ValueError if that fails."""
    try:
        with path.open("rb") as file:
            return _parsed(_cmap(file))
    except (struct.error, IndexError, OverflowError) as error:
        raise ValueError(f"{path} is damaged") from error


def _cmap(file: BinaryIO) -> bytes:
    head = file.read(16)
    start = 0
    if head[:4] == b"ttcf":
        (start,) = struct.unpack_from(">I", head, 12)
        file.seek(start)
        head = file.read(16)
    (tables,) = struct.unpack_from(">H", head, 4)
    file.seek(start + 12)
    directory = file.read(16 * tables)
    for number in range(tables):
        name, _, offset, length = struct.unpack_from(">4sIII", directory, 16 * number)
        if name == b"cmap":
            file.seek(offset)
            return file.read(min(length, _MOST_BYTES))
    raise ValueError("no cmap")


def _parsed(table: bytes) -> Coverage:
    (count,) = struct.unpack_from(">H", table, 2)
    offsets = {}
    for number in range(count):
        platform, encoding, offset = struct.unpack_from(">HHI", table, 4 + 8 * number)
        offsets[platform, encoding] = offset
    for kind in _UNICODE:
        if kind not in offsets:
            continue
        offset = offsets[kind]
        (table_format,) = struct.unpack_from(">H", table, offset)
        if table_format == 4:
            return _segments(table, offset)
        if table_format == 12:
            return _groups(table, offset)
    raise ValueError("no table of Unicode")


def _segments(table: bytes, offset: int) -> Coverage:
    (twice,) = struct.unpack_from(">H", table, offset + 6)
    form = f">{twice // 2}H"
    ends = struct.unpack_from(form, table, offset + 14)
    starts = struct.unpack_from(form, table, offset + 16 + twice)
    return Coverage(array("I", starts), array("I", ends))


def _groups(table: bytes, offset: int) -> Coverage:
    (count,) = struct.unpack_from(">I", table, offset + 12)
    if 12 * count > len(table):
        raise ValueError("more groups than bytes")
    numbers = struct.unpack_from(f">{3 * count}I", table, offset + 16)
    return Coverage(array("I", numbers[0::3]), array("I", numbers[1::3]))
