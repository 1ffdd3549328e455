"""The output folder: made once, and afterwards only ever found again.

Its marker, a small file, tells it from the empty place of a drive that is not connected and from another drive that
took its path. Whether it ever existed stands in the data folder (`sdq_core.images.root_record`). So there are three
cases: never used, which makes it, or adopts what is there; used and recognized; used and absent, which is StorageError,
a trouble to wait for.

Invariant: images are written only below a folder that was recognized, through its file descriptor, and `store` returns
only if the file can then be found at its path. Nothing here makes a root anew, also if it vanishes between two steps.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from sdq_core.errors import OutputError, StorageError
from sdq_core.images.root_record import RootRecord
from sdq_core.images.store import (
    StoredFile,
    make_folder,
    opened_folder,
    storage_problem,
    sync_folder,
    write_file,
)

MARKER = ".sdq-outputs"

_ABOUT = (
    "sdq stores images in this folder. Keep this file: by the ids of the ledgers below, sdq tells the folder from the "
    "empty place of a drive that is not connected."
)


class OutputRoot:
    """The output folder of one ledger, as one process sees it."""

    def __init__(self, path: Path, *, home: Path, ledger_id: str) -> None:
        """Touch nothing yet. path: absolute. home: the data folder, which has the record of used folders."""
        self.path = path
        self._home = home
        self._ledger_id = ledger_id
        self._record = RootRecord(home)
        self._seen: tuple[int, ...] | None = None  # the marker when it was recognized

    def look(self) -> None:
        """Raise StorageError if images were stored here before and the folder is absent or closed now."""
        if self._used():
            try:
                with self._recognized():
                    pass
            except OSError as error:
                raise StorageError(
                    f"The output folder {self.path} cannot be opened ({error.strerror}). Check its drive and "
                    "permissions."
                ) from error

    def require(self) -> None:
        """Raise StorageError unless the files of finished images can be looked for here.

        This is `look` for callers that know of finished images. A folder of an earlier version has no marker and no
        record; it has to be there, and not empty.
        """
        self.look()
        try:
            if self._used() or any(self.path.iterdir()):
                return
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            raise storage_problem(error, self.path) from error
        raise StorageError(
            f"The ledger lists finished images, but {self.path} is empty or not there. Reconnect its drive, or correct "
            f"SDQ_OUTPUTS. {self._how_to_begin_anew('If those images are gone for good, run')}"
        )

    def store(self, data: bytes, path: str) -> StoredFile:
        """Write a file durably, replacing what is there. path: relative to the root, with forward slashes.

        Makes a root that was never used. Raise StorageError if the root is absent or the disk is full or does not
        respond, OutputError if the place cannot be written.
        """
        try:
            return self._stored(data, path, replace=True)
        except (OSError, ValueError) as error:
            raise storage_problem(error, self.path / path) from error

    def store_new(self, data: bytes, path: str) -> StoredFile | None:
        """Do as `store`, but replace nothing: return None if something is at the path."""
        try:
            return self._stored(data, path, replace=False)
        except FileExistsError:
            return None
        except (OSError, ValueError) as error:
            raise storage_problem(error, self.path / path) from error

    def _stored(self, data: bytes, path: str, *, replace: bool) -> StoredFile:
        target = self.path / path
        inside = PurePosixPath(path)
        with (
            self._recognized(make=True) as root,
            _folder_within(root, inside.parent) as folder,
        ):
            stored = write_file(data, inside.name, folder, replace=replace)
        if not target.is_file():
            self.look()  # it was moved away with its folder, or another drive was mounted over it
            raise StorageError(
                f"{target} is gone right after it was written. Check what else moves files there."
            )
        return stored

    def has(self, path: str) -> bool:
        """Whether something is at a path below the root.

        Raise StorageError if the root is absent, and StorageError or OutputError if it cannot be said.
        """
        try:
            with self._recognized() as root:
                os.lstat(path, dir_fd=root)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise storage_problem(error, self.path / path) from error
        return True

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, None if the root has no such file; raise StorageError if that cannot be said."""
        try:
            with self._recognized() as root:
                try:
                    descriptor = os.open(path, os.O_RDONLY, dir_fd=root)
                except FileNotFoundError:
                    return None
                with open(descriptor, "rb") as file:  # noqa: PTH123  (a descriptor has no path)
                    return file.read()
        except OSError as error:
            raise StorageError(
                f"{self.path / path} cannot be read ({error.strerror or error}). Check the disk."
            ) from error

    def holds(self, path: str, data: bytes) -> bool:
        """Whether the file at a path has these bytes, and is on disk; False for what is no file or may not be read.

        Raise StorageError if the root is absent, and if it cannot be said.
        """
        try:
            with self._recognized() as root:
                status = os.lstat(path, dir_fd=root)
                if not stat.S_ISREG(status.st_mode) or status.st_size != len(data):
                    return False
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=root)
                with open(descriptor, "rb") as file:  # noqa: PTH123
                    if file.read() != data:
                        return False
                    os.fsync(descriptor)
                with opened_folder(str(PurePosixPath(path).parent), within=root) as folder:
                    sync_folder(folder)
                return True
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return False
        except OSError as error:
            raise storage_problem(error, self.path / path) from error

    def remove(self, path: str) -> None:
        """Remove a file that is not needed; does nothing if it is not there or cannot be removed."""
        with contextlib.suppress(OSError, StorageError), self._recognized() as root:
            os.unlink(path, dir_fd=root)

    @contextlib.contextmanager
    def _recognized(self, *, make: bool = False) -> Iterator[int]:
        """Open the root for the block. make: if it was never used, make or adopt it."""
        with contextlib.ExitStack() as stack:
            try:
                root = stack.enter_context(opened_folder(self.path))
            except (FileNotFoundError, NotADirectoryError):
                if self._used():
                    raise self._absent() from None
                if not make:
                    raise
                self._make()
                root = stack.enter_context(opened_folder(self.path))
            state = _state_of_marker(root)
            if (state is None or state != self._seen) and (make or self._used()):
                self._recognize(root)
                self._seen = _state_of_marker(root)
            yield root

    def _recognize(self, root: int) -> None:
        """Check the marker of an opened root that was used; adopt one that never was."""
        # In this order: another process may adopt it meanwhile, and the marker is written before the record.
        used = self._used()
        marked = self._is_marked(root)
        if used:
            if not marked:
                raise self._other()
            return
        if not marked:
            self._mark(root)
        self._record.add(self._ledger_id, self.path)

    def _used(self) -> bool:
        return self._seen is not None or self._ledger_id in self._record.ledgers_of(self.path)

    def _make(self) -> None:
        """Make a root that was never used, but nothing in the place of a data folder or drive that is absent."""
        if self._home in self.path.parents and not self._home.is_dir():
            raise StorageError(
                f"The data folder {self._home} is no longer there. Reconnect its drive."
            )
        missing = _first_missing(self.path)
        for used in self._record.used():
            former = Path(used.path)
            same_ledger = used.ledger_id == self._ledger_id
            if missing and same_ledger and _first_missing(former) == missing:
                raise StorageError(
                    f"{missing} is not there, although images were stored in {former} before. Reconnect its drive; or, "
                    f"to start over, run `mkdir -p {shlex.quote(str(self.path))}`."
                )
        make_folder(self.path)

    def _is_marked(self, root: int) -> bool:
        try:
            descriptor = os.open(MARKER, os.O_RDONLY, dir_fd=root)
        except FileNotFoundError:
            return False
        with open(descriptor, "rb") as file:  # noqa: PTH123
            return self._ledger_id in file.read(1 << 16).decode(errors="replace").split()

    def _mark(self, root: int) -> None:
        """Add this ledger to the marker, durably: what is on record must not lack it after a power cut."""
        descriptor = os.open(MARKER, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666, dir_fd=root)
        try:
            about = "" if os.fstat(descriptor).st_size else f"{_ABOUT}\n"
            os.write(descriptor, f"{about}{self._ledger_id}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(root)

    def _absent(self) -> StorageError:
        return StorageError(
            f"The output folder {self.path} is no longer there. Reconnect its drive. "
            f"{self._how_to_begin_anew('Or, to start over there, run')}"
        )

    def _other(self) -> StorageError:
        return StorageError(
            f"{self.path} is not the folder in which images were stored before: it has no {MARKER} with the ledger's "
            f"id. Reconnect the drive. {self._how_to_begin_anew('Or, to use this folder, run')}"
        )

    def _how_to_begin_anew(self, when: str) -> str:
        folder, marker = shlex.quote(str(self.path)), shlex.quote(str(self.path / MARKER))
        return f"{when} `mkdir -p {folder} && echo {self._ledger_id} >> {marker}`."


def lost(path: Path, home: Path) -> str | None:
    """Say, for any ledger of a data folder, why its used output folder is absent; None if it is there or never was."""
    try:
        for ledger_id in RootRecord(home).ledgers_of(path):
            OutputRoot(path, home=home, ledger_id=ledger_id).look()
    except StorageError as error:
        return str(error)
    except OutputError:
        return None
    return None


def _first_missing(path: Path) -> Path | None:
    """Return the topmost folder of a path that does not exist; None if all do."""
    return next((part for part in reversed((path, *path.parents)) if not part.exists()), None)


def _state_of_marker(root: int) -> tuple[int, ...] | None:
    """Return what tells the markers of two drives apart, None without one.

    The folder's own device and inode do not: a drive gets the numbers of the one that was connected before.
    """
    try:
        status = os.stat(MARKER, dir_fd=root)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


@contextlib.contextmanager
def _folder_within(root: int, path: PurePosixPath) -> Iterator[int]:
    """Open a folder below the root for the block, and make it and those above it, but never the root."""
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(opened_folder(str(path), within=root))
        except FileNotFoundError:
            folder = root
            for name in path.parts:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=folder)
                    sync_folder(folder)
                folder = stack.enter_context(opened_folder(name, within=folder))
        yield folder
