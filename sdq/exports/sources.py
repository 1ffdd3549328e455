"""The images' own files: found, checked, and converted where that is asked for.

Nothing goes into a data set that is not what its row says: one missing or broken file makes some readers refuse all.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from db.values import FinishedImage
from sdq.exports.conversion import Conversion
from sdq_core.errors import ConfigurationError, StorageError
from sdq_core.images.root import OutputRoot


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file that was checked. width, height: pixels. movable: it was made for the data set."""

    file: Path
    extension: str
    width: int
    height: int
    movable: bool


class Sources:
    """Finds images' files, and counts those that are missing or no longer what was drawn."""

    def __init__(
        self, root: OutputRoot, conversion: Conversion, work: Path, *, read_files: bool
    ) -> None:
        """work: a folder for converted files, which exists.

        read_files: compare each file's sha256; otherwise, where only links are made, its size.
        """
        self._root = root
        self._conversion = conversion
        self._work = work
        self._read_files = read_files or bool(conversion)
        self._seen_root = False
        self.missing = 0
        self.changed = 0

    def find(self, image: FinishedImage) -> Source | None:
        """Return an image's file, None if it is missing or changed.

        Raise StorageError if the folder of images is absent, ConfigurationError if an image cannot be converted, and
        OSError if a converted file cannot be written.
        """
        if not self._seen_root:
            self._root.require()
            self._seen_root = True
        record = image.image
        path = self._root.path / record.path
        extension = PurePosixPath(record.path).suffix
        try:
            data = self._checked(path, record.size_bytes, record.sha256)
        except (FileNotFoundError, NotADirectoryError):
            self._root.require()
            self.missing += 1
            return None
        except OSError as error:
            self._root.require()
            raise StorageError(
                f"{path} cannot be read ({error.strerror}). Check the disk; the same command goes on from here."
            ) from error
        if data is None:
            self.changed += 1
            return None
        width, height = image.recipe.width, image.recipe.height
        if not self._conversion:
            return Source(file=path, extension=extension, width=width, height=height, movable=False)
        width, height = self._conversion.size_of(width, height)
        converted = self._work / "converted"
        converted.write_bytes(self._converted(data, path))
        return Source(
            file=converted,
            extension=self._conversion.suffix(extension),
            width=width,
            height=height,
            movable=True,
        )

    def _converted(self, data: bytes, path: Path) -> bytes:
        try:
            return self._conversion.converted(data, path.suffix)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"Pillow cannot read {path} here ({error}). Install Pillow's wheel of version 11.3 or newer, or leave "
                "out --image-format and --resize."
            ) from error

    def _checked(self, path: Path, size_bytes: int, sha256: str) -> bytes | None:
        """Return a file's bytes, none of them if they need not be read; None if it is not what was drawn."""
        # A pipe without a writer would never open.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123  (a descriptor has no path)
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size != size_bytes:
                return None
            if not self._read_files:
                return b""
            data = file.read()
        return data if hashlib.sha256(data).hexdigest() == sha256 else None
