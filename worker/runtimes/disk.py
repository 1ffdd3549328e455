"""Turns disk errors while a model is prepared into sdq's own."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from sdq_core.errors import OutputError, StorageError


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn an OSError in the block into StorageError (full, failing) or OutputError (not writable)."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise StorageError(
                f"The prepared model cannot be stored in {folder} ({error.strerror}). "
                "Free some space or check the disk, then try again."
            ) from error
        raise OutputError(
            f"{folder} cannot be written ({error.strerror}). Choose another cache folder."
        ) from error


def note_use(entry: Path) -> None:
    """Set a cache entry's modification time to now: `sdq prune` uses it as the time of the latest load."""
    with contextlib.suppress(OSError):  # a cache on a read-only disk works too
        os.utime(entry)
