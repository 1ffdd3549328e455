"""Thumbnails that are kept in the cache folder, up to a size; beyond it the oldest go.

Several servers may share a folder, and anybody may empty it at any time: it only saves time.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

#: Some 50,000 thumbnails.
LIMIT_BYTES = 1 << 30
#: What is left when the oldest are removed, so that this happens seldom.
_LEFT = 0.9


class KeptThumbnails:
    """The thumbnails of one folder. Threads may share it."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._room_bytes = 0  # to be used before the folder is looked through again

    def read(self, name: str) -> bytes | None:
        """Return a thumbnail; None if it is not kept."""
        try:
            return self._file(name).read_bytes()
        except OSError:
            return None

    def keep(self, name: str, data: bytes) -> None:
        """Keep a thumbnail, whole or not at all."""
        with contextlib.suppress(OSError):  # a cache that cannot be written only costs time
            _write(self._file(name), data)
            with self._lock:
                self._room_bytes -= len(data)
                if self._room_bytes < 0:
                    self._room_bytes = self._limit_bytes - self._trim()

    def _file(self, name: str) -> Path:
        return self._folder / name[:2] / f"{name}.webp"

    def _trim(self) -> int:
        """Remove the oldest if there are too many; return the bytes of what is left."""
        found = sorted(self._files())
        total = sum(size_bytes for _, size_bytes, _ in found)
        if total <= self._limit_bytes:
            return total
        for _, size_bytes, path in found:
            if total <= self._limit_bytes * _LEFT:
                break
            with contextlib.suppress(OSError):
                Path(path).unlink()
            total -= size_bytes
        return total

    def _files(self) -> Iterator[tuple[int, int, str]]:
        """Yield time, size and path of each file; one that was left half written is a file like any other."""
        with os.scandir(self._folder) as folders:
            for folder in folders:
                with contextlib.suppress(OSError), os.scandir(folder) as files:
                    for file in files:
                        with contextlib.suppress(OSError):
                            status = file.stat(follow_symlinks=False)
                            yield status.st_mtime_ns, status.st_size, file.path


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
        Path(temporary).replace(file)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
