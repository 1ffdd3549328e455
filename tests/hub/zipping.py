"""Zips as strangers make them, whole and hostile."""

from __future__ import annotations

import io
import stat
import warnings
import zipfile
from collections.abc import Callable, Mapping

#: What Finder adds to every zip.
MAC = {"__MACOSX/._Unet.mlmodelc": b"\0\5\26\7", "__MACOSX/mine/._x": b"", "mine/.DS_Store": b"\0"}


def zipped(files: Mapping[str, bytes], *, under: str = "") -> bytes:
    """Return a zip of files. under: the folder that they are in."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(under + path, content)
    return written.getvalue()


def entry(name: str, mode: int = 0) -> zipfile.ZipInfo:
    """Return an entry of that very name, which the constructor would mend. mode: a file's, with its kind."""
    info = zipfile.ZipInfo("x")
    info.filename = info.orig_filename = name
    info.external_attr = mode << 16
    return info


def _of(*entries: zipfile.ZipInfo | str, content: bytes = b"x") -> bytes:
    written = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(written, "w") as archive:
        warnings.simplefilter("ignore")  # of names that come twice
        for one in entries:
            archive.writestr(entry(one) if isinstance(one, str) else one, content)
    return written.getvalue()


def _bomb() -> bytes:
    info = entry("Unet.mlmodelc/weights/weight.bin")
    info.compress_type = zipfile.ZIP_DEFLATED
    return _of(info, content=bytes(40 << 20))


def _changed(whole: bytes, signature: bytes, at: int, value: bytes) -> bytes:
    """Change a field in every record of a kind."""
    data = bytearray(whole)
    start = data.find(signature)
    while start >= 0:
        data[start + at : start + at + len(value)] = value
        start = data.find(signature, start + 1)
    return bytes(data)


ENTRY, END = b"PK\1\2", b"PK\5\6"
#: What is hostile or broken -> how to make it, and what is said.
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "absolute": (lambda: _of("/tmp/x"), "may lead out of the folder"),
    "parent": (lambda: _of("Unet.mlmodelc/../../x"), "may lead out of the folder"),
    "backslashes": (lambda: _of("..\\x"), "may lead out of the folder"),
    "drive": (lambda: _of("C:x"), "may lead out of the folder"),
    "nul": (lambda: _changed(_of("a@b"), b"a@b", 0, b"a\0b"), "may lead out of the folder"),
    "empty step": (lambda: _of("a//b"), "may lead out of the folder"),
    "link": (lambda: _of(entry("Unet.mlmodelc", stat.S_IFLNK | 0o777)), "is not a file"),
    "device": (lambda: _of(entry("x", stat.S_IFCHR | 0o666)), "is not a file"),
    "pipe": (lambda: _of(entry("x", stat.S_IFIFO | 0o666)), "is not a file"),
    "cases": (lambda: _of("Unet.mlmodelc/x", "unet.mlmodelc/y"), "are one name"),
    "accents": (lambda: _of("\u00e9", "e\u0301"), "are one name"),
    "twice": (lambda: _of("x", "x"), "is in it twice"),
    "file and folder": (lambda: _of("x", "x/y"), "is a file and a folder"),
    "long name": (lambda: _of("x" * 300), "too long"),
    "deep": (lambda: _of("x/" * 30 + "x"), "nested too deep"),
    "encrypted": (lambda: _changed(_of("x"), ENTRY, 8, b"\1"), "is encrypted"),
    "bzip2": (lambda: _changed(_of("x"), ENTRY, 10, b"\x0c"), "compressed in a way"),
    "bomb": (_bomb, "MB unpack to"),
    "claims": (lambda: _changed(_of("x"), ENTRY, 24, b"\xff\xff\xff\x7f"), "MB unpack to"),
    "many files": (lambda: zipped({f"{n:x}": b"" for n in range(10_001)}), "10,001 files"),
    "long directory": (lambda: _of("x") + b"\0" * (5 << 20), "is damaged, or not a zip"),
    "not a zip": (lambda: b"version https://git-lfs.github.com/spec/v1\n", "not a zip"),
    "empty": (lambda: b"", "not a zip"),
    "cut": (lambda: _of("x")[:-30], "not a zip"),
    "before the start": (
        lambda: _changed(_of("x"), END, 16, b"\xff\xff\xff\x7f"),
        "is damaged, or not a zip",
    ),
    "no model": (lambda: _of("readme.txt"), "has no complete model"),
}
