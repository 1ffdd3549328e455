"""Turns disk errors while a model is prepared into sdq's own."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from sdq_core.errors import OutputError, StorageError

_STALE_S = 24 * 3600


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn an OSError in the block into StorageError (full, failing, absent) or OutputError (not writable).

    The block makes the folder without those above it: a data folder that vanished must not be made anew.
    """
    try:
        yield
    except FileNotFoundError as error:
        if folder.is_dir():
            raise OutputError(f"{folder} cannot be written ({error}). Try again.") from error
        raise StorageError(f"{folder.parent} is not there. Reconnect its drive.") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise StorageError(
                f"The prepared model cannot be stored in {folder} ({error.strerror}). "
                "Free some space or check the disk, then try again."
            ) from error
        raise OutputError(
            f"{folder} cannot be written ({error.strerror}). Choose another cache folder."
        ) from error


def drop_stale(folder: Path, prefix: str) -> None:
    """Remove what killed processes left of this prefix in a folder; what is still written is never a day old."""
    for left in folder.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_S:
                shutil.rmtree(left, ignore_errors=True)


def note_use(entry: Path) -> None:
    """Set a cache entry's modification time to now: `sdq prune` uses it as the time of the latest load."""
    with contextlib.suppress(OSError):  # a cache on a read-only disk works too
        os.utime(entry)
