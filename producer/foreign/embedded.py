"""The texts in an image file: text chunks of a PNG, and EXIF, XMP and IPTC of any format.

A PNG's chunks are walked. In other files the blocks are looked for by how they begin, as `sdq_core.images.record_text`
does with XMP: they stand in one piece in JPEG, WebP and AVIF alike. Nothing is decoded but these texts, and time and
memory are bounded whatever the file contains.
"""

from __future__ import annotations

import os
import stat
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from producer.foreign.exif import HEADS, exif_texts
from producer.foreign.packets import IPTC_BEGIN, XMP_BEGIN, XMP_END, iptc_texts, xmp_texts
from sdq_core.errors import InputError
from sdq_core.images.metadata import RECORD_BEGIN, RECORD_KEY
from sdq_core.images.read import open_at_once

#: Of one text. ComfyUI's workflows are the longest, seldom of a megabyte.
MAX_TEXT_BYTES = 4 * 2**20
#: Of one image: writers use each key once or twice.
MAX_TEXTS = 32
#: A PNG has tens of chunks; writers that split pixels finely make thousands.
MAX_CHUNKS = 100_000
#: How much of another file is looked through.
MAX_SCANNED_BYTES = 2**26

_PNG = b"\x89PNG\r\n\x1a\n"
_XMP_KEY = "XML:com.adobe.xmp"
#: The chunks that tools write prompts into.
_KEYS = frozenset(
    {RECORD_KEY, "parameters", "prompt", "workflow", "invokeai_metadata", "sd-metadata", "Dream", _XMP_KEY}
)  # fmt: skip


def embedded_texts(path: Path) -> dict[str, str]:
    """Return the texts of a file: chunks by their keys, others as `exif:UserComment`, `xmp:description` and the like.

    An image with sdq's own record has `sdq`, with or without its text.

    Raise InputError, with a clause, for a file that is no image of a format that sdq knows, cannot be read, or has a
    text that is damaged or too long.
    """
    try:
        with open(path, "rb", opener=open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError("this is a pipe or a device, not an image")
            head = file.read(16)
            file.seek(0)
            if head.startswith(_PNG):
                return dict(_of_png(file))
            if _is_known(head):
                return _scanned(file.read(MAX_SCANNED_BYTES))
    except OSError as error:
        raise InputError(f"the file cannot be read ({error.strerror})") from None
    except ValueError:  # a zero byte
        raise InputError("no file can have this name") from None
    raise InputError("this is not a PNG, JPEG, WebP or AVIF image")


def _is_known(head: bytes) -> bool:
    return (
        head.startswith(b"\xff\xd8\xff")
        or (head[:4], head[8:12]) == (b"RIFF", b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:12] in {b"avif", b"avis", b"mif1"})
    )


def _scanned(data: bytes) -> dict[str, str]:
    texts: dict[str, str] = {}
    if (place := data.find(IPTC_BEGIN)) >= 0:
        texts |= iptc_texts(data[place : place + MAX_TEXT_BYTES])
    if (place := data.find(XMP_BEGIN)) >= 0:
        end = data.find(XMP_END, place, place + MAX_TEXT_BYTES)
        texts |= _of_xmp(data[place : max(end, place)])
    heads = [place for head in HEADS if (place := data.find(head)) >= 0]
    if heads:
        texts |= exif_texts(data[min(heads) : min(heads) + MAX_TEXT_BYTES])
    return texts


def _of_xmp(packet: bytes) -> dict[str, str]:
    text = packet.decode(errors="replace")
    own = {RECORD_KEY: ""} if RECORD_BEGIN in text else {}
    return {**xmp_texts(text), **own}


def _of_png(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """Yield a PNG's texts; those before the end of one that was cut, too."""
    file.seek(len(_PNG))
    texts = 0
    for _ in range(MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IEND":
            return
        end = file.tell() + length + 4
        if kind == b"eXIf":
            yield from exif_texts(file.read(min(length, MAX_TEXT_BYTES))).items()
        elif kind in {b"tEXt", b"zTXt", b"iTXt"}:
            # The key has at most 79 bytes, and says whether the rest is worth reading.
            start = file.read(min(length, 80))
            key, ended, rest = start.partition(b"\0")
            name = key.decode("latin-1")
            if ended and name in _KEYS:
                if length > MAX_TEXT_BYTES:
                    raise _too_long(name)
                texts += 1
                if texts > MAX_TEXTS:
                    raise InputError(f"the image has more than {MAX_TEXTS} texts")
                rest += file.read(length - len(start))
                if file.tell() < end - 4:
                    raise InputError(f"the file ends within its text {name}")
                yield from _named(name, _text(kind, rest, name))
        file.seek(end)
    raise InputError(f"the image has more than {MAX_CHUNKS:,} chunks")


def _named(name: str, text: bytes) -> Iterator[tuple[str, str]]:
    if name == _XMP_KEY:
        yield from _of_xmp(text).items()
    else:
        # ComfyUI and others write UTF-8 where the format says Latin-1.
        try:
            yield name, text.decode()
        except UnicodeDecodeError:
            yield name, text.decode("latin-1")


def _text(kind: bytes, rest: bytes, name: str) -> bytes:
    """Return a chunk's text behind its key."""
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return _inflated(rest[1:], name)
    is_compressed = rest[:1] == b"\1"
    text = rest[2:].split(b"\0", 2)[-1]  # behind the language and the key in it
    return _inflated(text, name) if is_compressed else text


def _inflated(data: bytes, name: str) -> bytes:
    inflating = zlib.decompressobj()
    try:
        text = inflating.decompress(data, MAX_TEXT_BYTES + 1)
    except zlib.error:
        raise InputError(f"its text {name} is damaged") from None
    if len(text) > MAX_TEXT_BYTES:
        raise _too_long(name)
    return text


def _too_long(name: str) -> InputError:
    return InputError(f"its text {name} has more than {MAX_TEXT_BYTES:,} bytes")
