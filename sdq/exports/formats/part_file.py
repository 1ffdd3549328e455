"""A file of a data set while it is written: in the folder for that, forced to disk, and then renamed to its place."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import BinaryIO

from sdq.exports.folder import WORK, sync_file, sync_names
from sdq_core.images.store import make_folder


class PartFile:
    """A file that is in its place whole or not at all; everything raises OSError."""

    def __init__(self, folder: Path, path: str) -> None:
        """folder: of the data set; path: where the file is to be in it."""
        self._target = folder / path
        self._temporary = folder / WORK / self._target.name
        make_folder(self._temporary.parent)
        self.file: BinaryIO = self._temporary.open("wb")

    def commit(self) -> Path:
        """Put the file in its place, durably; return its path."""
        self.file.close()
        sync_file(self._temporary)
        make_folder(self._target.parent)
        self._temporary.replace(self._target)
        sync_names(self._target.parent)
        return self._target

    def abort(self) -> None:
        """Leave nothing. Raise nothing."""
        with contextlib.suppress(OSError):
            self.file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink()
