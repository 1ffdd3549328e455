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
from pathlib import Path

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
        _make_folder(target.parent)
        temporary = target.parent / f".sdq-{os.getpid()}-{secrets.token_hex(4)}.tmp"
        try:
            _write(data, temporary)
            temporary.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
    except (OSError, ValueError) as error:
        raise storage_problem(error, target) from error
    return StoredFile(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


def storage_problem(error: OSError | ValueError, target: Path) -> SdqError:
    """Return the error for a file that cannot be written, with the next step."""
    if not isinstance(error, OSError):
        return OutputError(f"Cannot write {str(target)!r} ({error}). Choose another name.")
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in _FULL:
        return StorageError(f"Cannot write {target} ({reason}). Free some space on this disk.")
    if error.errno in _WRONG_PLACE:
        return OutputError(
            f"Cannot write {target} ({reason}). Choose another output folder or fix this one."
        )
    return StorageError(f"Cannot write {target} ({reason}). Check the disk and try again.")


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


def _write(data: bytes, path: Path) -> None:
    # O_EXCL: never through a link, or into a file that someone else put there.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, each forced to disk in its parent."""
    if folder.is_dir():
        return
    if folder.parent != folder:
        _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):  # another worker was faster; a file shows up below
        folder.mkdir()
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot force a folder; the rename is all they promise.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)
