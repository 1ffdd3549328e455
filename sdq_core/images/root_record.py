"""Which output folders this installation has stored images in: `outputs.jsonl` in the data folder.

One line for each ledger and folder. Lines are only ever appended, each with one write, so any number of processes may
add to it at once; one that is torn or repeated does no harm. A folder that is listed and not there has gone, rather
than never having been made.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import StorageError
from sdq_core.images.store import storage_problem

FILE = "outputs.jsonl"


@dataclass(frozen=True, kw_only=True)
class UsedRoot:
    """An output folder, an absolute path, and the id of the ledger whose images were stored in it."""

    ledger_id: str
    path: str


class RootRecord:
    """The output folders that a data folder's workers have used."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file = home / FILE

    def used(self) -> set[UsedRoot]:
        """Return all of them; raise OutputError or StorageError if the file cannot be read."""
        try:
            lines = self._file.read_text(errors="replace").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return set()
        except OSError as error:
            raise storage_problem(error, self._file) from error
        return {root for line in lines if (root := _parsed(line))}

    def ledgers_of(self, path: Path) -> set[str]:
        """Return the ids of the ledgers whose images were stored in a folder, however its path was spelled."""
        spellings = _spellings(path)
        return {root.ledger_id for root in self.used() if root.path in spellings}

    def add(self, ledger_id: str, path: Path) -> None:
        """Note a folder durably; raise StorageError if the data folder is not there or its disk is full."""
        new = {UsedRoot(ledger_id=ledger_id, path=name) for name in _spellings(path)} - self.used()
        if not new:
            return
        lines = "".join(
            json.dumps({"ledger": root.ledger_id, "root": root.path}) + "\n"
            for root in sorted(new, key=lambda root: root.path)
        )
        try:
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                os.write(descriptor, lines.encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            raise StorageError(
                f"The data folder {self._home} is no longer there. Reconnect its drive."
            ) from None
        except OSError as error:
            # A worker may draw with a data folder that it cannot write to; then only its own memory keeps the folder.
            if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
                raise storage_problem(error, self._file) from error


def _spellings(path: Path) -> set[str]:
    """Return a path as it was given and without its links: another process may spell it otherwise."""
    return {str(path), os.path.realpath(path)}


def _parsed(line: str) -> UsedRoot | None:
    try:
        entry = json.loads(line)
        return UsedRoot(ledger_id=str(entry["ledger"]), path=str(entry["root"]))
    except (ValueError, KeyError, TypeError):
        return None
