"""Where the record is in an image file: a text chunk of a PNG, the XMP packet of any other.

XMP is made to be found without knowing a file's format: a packet stands in it as it is, in one piece. So JPEG, WebP
and AVIF need no readers of their own, of which AVIF's would be long.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import BinaryIO
from xml.sax.saxutils import unescape

from sdq_core.errors import InputError
from sdq_core.images.metadata import RECORD_BEGIN, RECORD_END, RECORD_KEY

MAX_RECORD_BYTES = 2**20
#: A PNG has tens of chunks; writers that split pixels finely make thousands.
MAX_CHUNKS = 100_000
#: How far XMP is looked for: beyond any image that sdq draws.
MAX_SCANNED_BYTES = 2**28

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SCANNED_AT_ONCE = 2**20
_BEGIN, _END = RECORD_BEGIN.encode(), RECORD_END.encode()


def record_text(file: BinaryIO, path: Path) -> bytes:
    """Return a file's record as it is written there, unchecked.

    Raise InputError for a file of another format, without a record, or with one that is damaged or too long.
    """
    head = file.read(16)
    if head.startswith(_SIGNATURE):
        file.seek(len(_SIGNATURE))
        return _of_png(file, path)
    file.seek(0)
    if _has_xmp(head):
        return _of_xmp(file, path)
    raise InputError(f"{path} is not a PNG, JPEG, WebP or AVIF image.")


def _has_xmp(head: bytes) -> bool:
    return (
        head.startswith(b"\xff\xd8\xff")
        or (head[:4], head[8:12]) == (b"RIFF", b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:12] in {b"avif", b"avis"})
    )


def _of_xmp(file: BinaryIO, path: Path) -> bytes:
    kept = b""
    for _ in range(MAX_SCANNED_BYTES // _SCANNED_AT_ONCE):
        chunk = file.read(_SCANNED_AT_ONCE)
        _, begun, text = (kept + chunk).partition(_BEGIN)
        if begun:
            text += file.read(MAX_RECORD_BYTES)
            record, ended, _ = text.partition(_END)
            if not ended or len(record) > MAX_RECORD_BYTES:
                raise InputError(f"The sdq record of {path} is damaged, or longer than the limit.")
            return unescape(record.decode(errors="replace")).encode()
        if not chunk:
            break
        kept = chunk[1 - len(_BEGIN) :]
    raise _without_record(path)


def _of_png(file: BinaryIO, path: Path) -> bytes:
    for _ in range(MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            raise InputError(f"{path} is truncated before any sdq record.")
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IEND":
            raise _without_record(path)
        if kind == b"tEXt":
            # The keyword says whether the rest is worth reading.
            start = file.read(min(length, len(RECORD_KEY) + 1))
            if start == RECORD_KEY.encode() + b"\0":
                return _checked(file, start, length, path)
            length -= len(start)
        file.seek(length + 4, 1)
    raise InputError(f"{path} has more than {MAX_CHUNKS:,} chunks and no sdq record among them.")


def _checked(file: BinaryIO, start: bytes, length: int, path: Path) -> bytes:
    if length > MAX_RECORD_BYTES:
        raise InputError(
            f"The sdq record of {path} has {length:,} bytes; the limit is {MAX_RECORD_BYTES:,}."
        )
    text = file.read(length - len(start))
    checksum = file.read(4)
    if zlib.crc32(b"tEXt" + start + text) != int.from_bytes(checksum, "big") or len(checksum) < 4:
        raise InputError(f"The sdq record of {path} is damaged (checksum).")
    return text


def _without_record(path: Path) -> InputError:
    return InputError(
        f"{path} has no sdq record: sdq did not draw it, or drew it with --no-metadata."
    )
