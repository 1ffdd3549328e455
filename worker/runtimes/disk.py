"""What a disk may refuse while a model is made ready, in sdq's own errors."""

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
                f"{folder} cannot hold the model that is made ready ({error.strerror}); "
                "free some space and try again."
            ) from error
        raise OutputError(
            f"{folder} cannot be written ({error.strerror}); choose another cache folder."
        ) from error


def note_use(entry: Path) -> None:
    """Let a cache entry's modification time say when it was last loaded, which is what `sdq prune` goes by."""
    with contextlib.suppress(OSError):  # a cache on a read-only disk serves as well
        os.utime(entry)
