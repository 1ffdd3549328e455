"""What a disk may refuse while a model is made ready, in sdq's own errors."""

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
    """Turn an OSError in the block into StorageError (full, failing) or OutputError (not writable)."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise StorageError(
                f"{folder} cannot hold the model that is made ready ({error.strerror}); "
                "free some space and try again."
            ) from error
        raise OutputError(
            f"{folder} cannot be written ({error.strerror}); choose another cache folder."
        ) from error


def drop_stale(folder: Path, prefix: str) -> None:
    """Remove what killed processes left of this prefix in a folder; what is still written is never a day old."""
    for left in folder.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_S:
                shutil.rmtree(left, ignore_errors=True)


def note_use(entry: Path) -> None:
    """Let a cache entry's modification time say when it was last loaded, which is what `sdq prune` goes by."""
    with contextlib.suppress(OSError):  # a cache on a read-only disk serves as well
        os.utime(entry)
