"""Where a storm rages: one data folder, on a small disk of its own where mounting one is allowed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from sdq_core.queue.server import RedisServer

_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
#: What lets root write into folders that are closed to it: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
_ABOVE_RIGHTS = (1, 2)


class Place:
    """A data folder, its processes' environment and its ledger, seen from outside.

    small_disk: the data folder is a file system of its own that can be filled.
    """

    def __init__(self, folder: Path, *, small_disk: bool) -> None:
        self.home = folder / "home"
        self.logs = folder / "logs"
        self.small_disk = small_disk
        self.home.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        self.redis = RedisServer(self.home / "redis")
        self.database = self.home / "sdq.db"

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of this shell's own settings, for the storm's processes."""
        strangers = ("SDQ_", "RQ_", "REDIS_", "DATABASE_")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(strangers)}
        return kept | {"SDQ_HOME": str(self.home), "NO_COLOR": "1"}

    def start(self, *arguments: str, log: str) -> subprocess.Popen[bytes]:
        """Start an `sdq` command that ends with this process and obeys folders' rights, root or not."""
        program = Path(sys.executable).with_name("sdq")
        with (self.logs / log).open("ab") as file:
            return subprocess.Popen(
                [program, *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                preexec_fn=_become_ordinary if sys.platform == "linux" else None,  # noqa: PLW1509
            )

    @contextlib.contextmanager
    def looking(self) -> Iterator[sqlite3.Connection]:
        """Read the ledger as any other program would."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)
        try:
            yield connection
        finally:
            connection.close()

    def done(self) -> int:
        """Count the finished images."""
        try:
            with self.looking() as ledger:
                query = "SELECT count(*) FROM images WHERE status = 'done'"
                return int(ledger.execute(query).fetchone()[0])
        except sqlite3.OperationalError:  # not created yet, or the disk is full just now
            return 0

    def open_slices(self) -> int:
        """Count what the ledger still holds to be unfinished."""
        with self.looking() as ledger:
            query = "SELECT count(*) FROM slices WHERE finished_at IS NULL"
            return int(ledger.execute(query).fetchone()[0])

    def in_hand(self, worker: str = "%") -> list[tuple[int, int]]:
        """Give recipe and seed of the images that are begun and not done, of workers named like this."""
        query = (
            "SELECT i.recipe_id, i.seed FROM images i JOIN engines e ON e.id = i.engine_id "
            "WHERE i.status = 'drawing' AND e.worker LIKE ?"
        )
        try:
            with self.looking() as ledger:
                return [(recipe, seed) for recipe, seed in ledger.execute(query, [worker])]
        except sqlite3.OperationalError:
            return []


@contextlib.contextmanager
def small_disk(folder: Path, *, size_mib: int) -> Iterator[bool]:
    """Mount a file system of that size at a folder; give whether that is possible here."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(folder)]
    mounted = bool(
        sys.platform == "linux"
        and shutil.which("mount")
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)


def _become_ordinary() -> None:
    # Between fork and exec: nothing but system calls. Errors mean that there was nothing to give up.
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for capability in _ABOVE_RIGHTS:
        libc.prctl(_PR_CAPBSET_DROP, capability)
