"""How much room there is for images, for who plans to store them. Makes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

from sdq_core.errors import StorageError
from sdq_core.images.root import lost


def free_bytes(outputs: Path, home: Path) -> int:
    """Return how much is free where images are stored, or would be: the folder need not be there yet.

    home: the data folder, which knows whether the output folder was used. Raise StorageError if it was and is absent
    now, or if its disk does not say.
    """
    if problem := lost(outputs, home):
        raise StorageError(problem)
    try:
        there = next(folder for folder in (outputs, *outputs.parents) if folder.exists())
        return shutil.disk_usage(there).free
    except OSError as error:
        raise StorageError(
            f"The disk of {outputs} does not say how much is free ({error.strerror})."
        ) from error
