"""A file of an export while it is written: under a temporary name, forced to disk, and then renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import BinaryIO

from sdq_core.images.store import make_folder, opened_folder, sync_folder


class PartFile:
    """A file that is there whole or not at all; everything raises OSError, and leaves the target as it was."""

    def __init__(self, target: Path) -> None:
        make_folder(target.parent)
        self._target = target
        # `sweep_temporary_files` knows it by its name, should this process be killed.
        self._temporary = target.with_name(f".sdq-{os.getpid()}-{secrets.token_hex(4)}.tmp")
        self.file: BinaryIO = self._temporary.open("xb")

    def commit(self) -> Path:
        """Put the file in its place, durably; return its path."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self._temporary.replace(self._target)
        with opened_folder(self._target.parent) as folder:
            sync_folder(folder)
        return self._target

    def abort(self) -> None:
        """Leave nothing."""
        with contextlib.suppress(OSError):
            self.file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink()
