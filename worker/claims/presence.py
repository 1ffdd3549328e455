"""Which workers of this data folder live: each holds a lock on a file of its own, and the kernel frees it when it dies.

So a death is known at once, from the kernel and not from a process id, which may belong to another process by now. The
file says on which machine, since which boot of it and beside which Redis its worker ran; that tells a power cut from a
death of the worker alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sdq_core.values.machine import boot

_SUFFIX = ".lock"


@dataclass(frozen=True, kw_only=True)
class Departed:
    """A worker that died. about: what its file says."""

    worker: str
    about: Mapping[str, Any]


class Presence:
    """One worker's lock file, and those of its neighbours."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._folder = folder
        self._path = folder / f"{worker}{_SUFFIX}"
        self._file: IO[str] | None = None
        self._noted: Mapping[str, Any] = {}

    def begin(self) -> None:
        """Take the lock, if it is not taken yet.

        Does nothing on a full disk, or on a file system without locks: others then have the heartbeats alone.
        """
        if self._file is not None:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            # Locked before it has its name, or a neighbour could take it for a dead worker's.
            new = self._path.with_suffix(".new")
            file = new.open("w+")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                new.replace(self._path)
            except OSError:
                file.close()
                new.unlink(missing_ok=True)
                raise
            self._file = file

    def note(self, *, redis: str) -> None:
        """Write down which Redis the worker uses, unless that is written. redis: the id of its process."""
        about = {"host": socket.gethostname(), "boot": boot(), "redis": redis}
        if self._file is None or about == self._noted:
            return
        with contextlib.suppress(OSError):  # a full disk: the next heartbeat tries again
            os.ftruncate(self._file.fileno(), 0)
            os.pwrite(self._file.fileno(), json.dumps(about).encode(), 0)
            self._noted = about

    def end(self) -> None:
        """Remove the file and its lock."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None

    def dead(self) -> list[Departed]:
        """List the workers that died on this machine."""
        return [
            departed
            for path in self._others()
            if not _is_locked(path) and _ran_here((departed := _read(path)).about)
        ]

    def is_alone(self) -> bool:
        """Whether no other worker of this data folder lives."""
        return not any(_is_locked(path) for path in self._others())

    def about(self, worker: str) -> Mapping[str, Any]:
        """Return what a worker's file says; empty if it has none."""
        return _read(self._folder / f"{worker}{_SUFFIX}").about

    def forget(self, worker: str) -> None:
        """Remove a dead worker's file."""
        path = self._folder / f"{worker}{_SUFFIX}"
        if not _is_locked(path):  # it may have been silent for a while, and live
            path.unlink(missing_ok=True)

    def _others(self) -> list[Path]:
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            found = (Path(entry.path) for entry in entries if entry.name.endswith(_SUFFIX))
            return sorted(path for path in found if path != self._path)
        return []


def dead_workers(folder: Path) -> list[str]:
    """Return the names of the workers that died on this machine, for commands."""
    return [departed.worker for departed in Presence(folder, "").dead()]


def _is_locked(path: Path) -> bool:
    """Whether a file's worker lives; also if that cannot be found out."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


def _read(path: Path) -> Departed:
    about: Mapping[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_text())
        about = found if isinstance(found, dict) else {}
    return Departed(worker=path.name.removesuffix(_SUFFIX), about=about)


def _ran_here(about: Mapping[str, Any]) -> bool:
    # A folder may be shared over a network that does not pass locks on.
    return about.get("boot") == boot() or about.get("host") == socket.gethostname()
