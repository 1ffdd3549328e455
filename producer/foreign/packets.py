"""Captions and comments in XMP packets and in IPTC records.

XMP is XML, but only two properties are asked for, and no parser that could be made to unfold entities is needed to find
them. IPTC: https://www.iptc.org/std/IIM/4.2/specification/IIMV4.2.pdf, in the frame that Photoshop gave it.
"""

from __future__ import annotations

import contextlib
import html
import struct

#: Where a packet begins and ends, wherever it stands.
XMP_BEGIN, XMP_END = b"<x:xmpmeta", b"</x:xmpmeta>"
#: Photoshop's frame of IPTC: its mark and the number of the resource.
IPTC_BEGIN = b"8BIM\x04\x04"

_PROPERTIES = {"exif:UserComment": "xmp:UserComment", "dc:description": "xmp:description"}
#: The number of the record and of the data set in it.
_CAPTION = (2, 120)


def xmp_texts(packet: str) -> dict[str, str]:
    """Return the texts of the properties that tools write prompts into."""
    texts = {}
    for written, name in _PROPERTIES.items():
        _, begun, rest = packet.partition(f"<{written}>")
        inner, ended, _ = rest.partition(f"</{written}>")
        if not begun or not ended:
            continue
        _, alternatives, item = inner.partition("<rdf:li")
        if alternatives:
            inner = item.partition(">")[2].partition("</rdf:li>")[0]
        # Python refuses to read numbers of thousands of digits, and no character has so many.
        with contextlib.suppress(ValueError):
            texts[name] = html.unescape(inner).strip()
    return texts


def iptc_texts(data: bytes) -> dict[str, str]:
    """Return the caption of an IPTC record. data: from the frame's mark on, perhaps with more behind it."""
    name_length = data[6] if len(data) > 6 else 0
    start = 7 + name_length + (name_length + 1) % 2
    try:
        (length,) = struct.unpack_from(">I", data, start)
    except struct.error:
        return {}
    record = data[start + 4 : start + 4 + length]
    place = 0
    while record[place : place + 1] == b"\x1c" and len(record) >= place + 5:
        number, data_set, length = struct.unpack_from(">BBH", record, place + 1)
        raw = record[place + 5 : place + 5 + length]
        if (number, data_set) == _CAPTION:
            try:
                return {"iptc:caption": raw.decode()}
            except UnicodeDecodeError:
                return {"iptc:caption": raw.decode("latin-1")}
        place += 5 + length
    return {}
