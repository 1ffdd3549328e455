"""Files that exist completely or not at all, even after a power cut.

Invariant: the data is under a temporary name in the target's folder and is forced to disk before it gets its own
name, and the folder is forced to disk before `store_file` returns. So a ledger row written afterwards never lacks its
file. A process killed on the way leaves at most a ``.sdq-*.tmp`` file, which `sweep_temporary_files` removes.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sdq_core.errors import OutputError, SdqError, StorageError

#: The place is wrong and waiting does not help; every other failure is the disk's.
_WRONG_PLACE = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EINVAL,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
#: Times of files are rounded, to two seconds on FAT.
_CLOCK_S = 2.0
#: What file systems without hard links answer, such as exFAT and some network volumes.
_NO_LINKS = frozenset(
    {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
)


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file that is on disk: the sha256 of its bytes, in hexadecimal, and its size."""

    sha256: str
    size_bytes: int


def store_file(data: bytes, target: Path) -> StoredFile:
    """Write `data` to `target`, replacing what is there; create missing folders.

    Raise OutputError if the place cannot be written, StorageError if the disk is full or does not respond; then the
    target is unchanged and no temporary file is left.
    """
    try:
        make_folder(target.parent)
        with opened_folder(target.parent) as folder:
            return write_file(data, target.name, folder)
    except (OSError, ValueError) as error:
        raise storage_problem(error, target) from error


def write_file(data: bytes, name: str, folder: int, *, replace: bool = True) -> StoredFile:
    """Write a file of this name into an opened folder, as `store_file` does; raise OSError or ValueError if it fails.

    folder: a file descriptor, so that the file cannot end up in another folder that has taken its path meanwhile.
    replace: whether to replace what has that name; otherwise that raises FileExistsError.
    """
    temporary = f".sdq-{os.getpid()}-{secrets.token_hex(4)}.tmp"
    try:
        _write(data, temporary, folder)
        if replace or not _linked(temporary, name, folder):
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    sync_folder(folder)
    return stored_file(data)


def stored_file(data: bytes) -> StoredFile:
    """Return what a file of these bytes is."""
    return StoredFile(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


@contextlib.contextmanager
def growing_file(target: Path) -> Iterator[BinaryIO]:
    """Yield a file to write and read, which becomes `target` at the end of the block, as `store_file` would write it.

    For what is too large to be held in memory. If the block raises, the target is unchanged and nothing is left. Raise
    OutputError or StorageError as `store_file` does.
    """
    try:
        make_folder(target.parent)
        with opened_folder(target.parent) as folder:
            temporary = f".sdq-{os.getpid()}-{secrets.token_hex(4)}.tmp"
            descriptor = os.open(
                temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=folder
            )
            try:
                with os.fdopen(descriptor, "w+b") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                os.rename(temporary, target.name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
            sync_folder(folder)
    except OSError as error:
        raise storage_problem(error, target) from error


@contextlib.contextmanager
def opened_folder(path: Path | str, *, within: int | None = None) -> Iterator[int]:
    """Open a folder for the block and yield its file descriptor; raise OSError if there is none.

    within: the opened folder that a relative path begins at.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY, dir_fd=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def storage_problem(error: OSError | ValueError, target: Path) -> SdqError:
    """Return the error for a file that cannot be written, with the next step."""
    if not isinstance(error, OSError):
        return OutputError(
            f"Cannot write {str(target)!r}: no file can have that name. Choose another."
        )
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in _FULL:
        return StorageError(f"Cannot write {target} ({reason}). Free some space on this disk.")
    if error.errno in _WRONG_PLACE:
        return OutputError(
            f"Cannot write {target} ({reason}). Choose another output folder or fix this one."
        )
    return StorageError(f"Cannot write {target} ({reason}). Check the disk and try again.")


def is_older(path: Path, moment: datetime) -> bool:
    """Whether a file was last written before a moment, so that nothing that began then wrote it; also if it is gone."""
    try:
        return path.lstat().st_mtime < moment.timestamp() - _CLOCK_S
    except OSError:
        return True


def is_temporary(path: Path) -> bool:
    """Say whether `store_file` never finished this file, or is still writing it."""
    return path.name.startswith(".sdq-") and path.name.endswith(".tmp")


def sweep_temporary_files(root: Path, *, older_than_s: float = 3600.0) -> int:
    """Remove what killed processes left below `root`; return the number of files.

    older_than_s: younger files stay, as a live process may still be writing them.
    """
    removed = 0
    for path in _temporary_files(root):
        with contextlib.suppress(OSError):
            if time.time() - path.lstat().st_mtime >= older_than_s:
                path.unlink()
                removed += 1
    return removed


def _temporary_files(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        yield from filter(is_temporary, (Path(folder, name) for name in names))


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each forced to disk in its parent; raise OSError if that fails."""
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):  # another worker was faster; a file shows up later
        folder.mkdir()
        with opened_folder(folder.parent) as parent:
            sync_folder(parent)


def sync_folder(folder: int) -> None:
    """Force an opened folder to disk."""
    try:
        os.fsync(folder)
    except OSError as error:
        # Some network file systems cannot force a folder; the rename is all they promise.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise


def _linked(temporary: str, name: str, folder: int) -> bool:
    """Give a file its name if nothing else has it, in one step; return False if that has to be done by renaming.

    Raises FileExistsError if something else has the name. Unlike renaming, linking never replaces what came meanwhile.
    """
    try:
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with contextlib.suppress(FileNotFoundError):
            os.lstat(name, dir_fd=folder)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name) from None
        return False
    os.unlink(temporary, dir_fd=folder)
    return True


def _write(data: bytes, name: str, folder: int) -> None:
    # O_EXCL: never through a link, or into a file that someone else put there.
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=folder)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
