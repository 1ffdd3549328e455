"""The texts of an EXIF block: the few that tools write prompts into, found without reading anything else.

EXIF is TIFF: directories with entries of twelve bytes (tag, type, count, value or its place).
https://www.cipa.jp/std/documents/e/DC-X008-Translation-2019-E.pdf
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

#: What EXIF begins with, in both orders of bytes, as all writers have it: the first directory right behind.
HEADS = (b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08")

#: Tags -> the names that readers know the texts by. ComfyUI writes JSON into make and model of a WebP.
_TEXTS = {
    0x010E: "exif:ImageDescription",
    0x010F: "exif:Make",
    0x0110: "exif:Model",
    0x9286: "exif:UserComment",
}
_EXIF_DIRECTORY = 0x8769
#: Bytes, ASCII, undefined.
_TEXT_TYPES = frozenset({1, 2, 7})
_MAX_ENTRIES = 1000
#: How the eight bytes before a UserComment name its encoding.
_UNICODE, _ASCII, _UNDEFINED = b"UNICODE\0", b"ASCII\0\0\0", bytes(8)


def exif_texts(data: bytes) -> dict[str, str]:
    """Return the texts by name; none of what is damaged. data: from the head on, perhaps with more behind it."""
    if not data.startswith(HEADS):
        return {}
    order = "<" if data.startswith(b"II") else ">"
    texts: dict[str, str] = {}
    directories = [8]
    for place in directories:  # the first, and the one that it names
        for tag, kind, count, value in _entries(data, place, order):
            if tag == _EXIF_DIRECTORY and len(directories) == 1:
                directories.append(value)
            elif (name := _TEXTS.get(tag)) and kind in _TEXT_TYPES and count > 4:
                if name in texts:  # a thousand times the same would take long to decode
                    continue
                raw = data[value : value + count]
                texts[name] = _comment(raw) if name == "exif:UserComment" else _plain(raw)
    return texts


def _entries(data: bytes, place: int, order: str) -> Iterator[tuple[int, int, int, int]]:
    """Yield tag, type, count and value of a directory's entries, as many as there are."""
    try:
        (count,) = struct.unpack_from(f"{order}H", data, place)
        for number in range(min(count, _MAX_ENTRIES)):
            tag, kind, size, value = struct.unpack_from(
                f"{order}HHII", data, place + 2 + 12 * number
            )
            yield tag, kind, size, value
    except struct.error:  # it ends before
        return


def _comment(raw: bytes) -> str:
    code, text = raw[:8], raw[8:]
    if code == _UNICODE:
        return _utf_16(text)
    return _plain(text if code in {_ASCII, _UNDEFINED} else raw)


def _utf_16(text: bytes) -> str:
    """Decode UTF-16 of either order: AUTOMATIC1111 writes the high bytes first whatever the block's own order is."""
    if text[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        encoding = "utf-16"
    else:
        # Of most letters the high byte is zero.
        encoding = "utf-16-le" if text[1::2].count(0) > text[::2].count(0) else "utf-16-be"
    return text.decode(encoding, errors="replace").rstrip("\0")


def _plain(raw: bytes) -> str:
    raw = raw.rstrip(b"\0")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
