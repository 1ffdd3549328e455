"""The folder in which a pull arrives, and how what arrived gets its place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sdq_core.errors import OutputError, StorageError, TryAgainError
from sdq_core.file_lock import locked
from sdq_core.models import hub
from sdq_core.models.record import read_pull_record

_STAGING = ".pull"


@contextmanager
def staging_folder(models: Path, repository: str) -> Iterator[Path]:
    """Yield the locked folder in which a repository arrives; it is removed once everything is in place."""
    staging = models / _STAGING / repository.replace("/", "--")
    try:
        staging.mkdir(parents=True, exist_ok=True)
        handle = os.open(staging, os.O_RDONLY)
    except OSError as error:
        raise OutputError(
            f"Cannot create {staging} ({error.strerror}). Set SDQ_HOME to a folder of your own."
        ) from error
    try:
        if not locked(handle):
            raise TryAgainError(f"Another sdq is pulling {repository}. Try again when it is done.")
        yield staging
        shutil.rmtree(staging, ignore_errors=True)
    finally:
        os.close(handle)


def require_room(
    listing: hub.Listing, wanted: list[str], staging: Path, *, unpacked_bytes: int = 0
) -> None:
    """Raise StorageError unless the disk has room for the files that are still to come, and for what is in them."""
    missing = sum(
        listing.files[path].size or 0 for path in wanted if not (staging / "parts" / path).is_file()
    )
    missing += unpacked_bytes
    free = shutil.disk_usage(staging).free
    if missing > free:
        raise StorageError(
            f"{listing.repository} needs {missing / 1e9:.1f} GB, but {staging.parent.parent} has "
            f"{free / 1e9:.1f} GB free. Free some space, or set SDQ_HOME to a larger disk."
        )


def require_ours(target: Path) -> None:
    """Raise OutputError if a folder is there that no pull made."""
    if target.exists() and read_pull_record(target) is None:
        raise OutputError(
            f"{target} already exists and was not pulled by sdq. Move it away, or pull under another --name."
        )


def put_in_place(new: Path, target: Path) -> None:
    """Move a finished folder to its place, where an older one may be; raise StorageError."""
    try:
        old = target.with_name(f".old-{target.name}")
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise StorageError(
            f"Cannot move the model to {target} ({error.strerror}). Check the disk and pull again."
        ) from error
