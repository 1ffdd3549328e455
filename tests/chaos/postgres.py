"""A PostgreSQL of the storm's own, from the pgserver wheel: killed, frozen, read-only, and right again."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil

_ENDS_S = 10.0


class Postgres:
    """One server. is_away: it is killed or frozen just now, and asking it would only wait."""

    def __init__(self, folder: Path) -> None:
        """Make an empty database and start its server; raises what pgserver raises where it cannot."""
        import pgserver

        self._server: Any = pgserver.get_server(folder)
        self._folder = folder
        # Nothing here has to survive a power cut.
        self._server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
        self._server.psql("CREATE DATABASE storm;")
        self.url = str(self._server.get_uri(database="storm"))
        self.is_away = False

    def processes(self) -> list[psutil.Process]:
        """List the server's processes, the first one first."""
        try:
            first = psutil.Process(int((self._folder / "postmaster.pid").read_text().split()[0]))
            return [first, *first.children(recursive=True)]
        except (psutil.Error, OSError, ValueError, IndexError):
            return []

    def kill(self) -> bool:
        """Kill -9 all its processes; give whether there were any."""
        processes = self.processes()
        self._signal(processes, signal.SIGKILL)
        self.is_away = True
        end = time.monotonic() + _ENDS_S
        while any(map(_lives, processes)) and time.monotonic() < end:
            time.sleep(0.01)
        return bool(processes)

    def revive(self) -> None:
        """Start it again after a kill; it recovers by itself."""
        # A dead process that nobody has collected yet would look like a server to pgserver.
        (self._folder / "postmaster.pid").unlink(missing_ok=True)
        self._server.ensure_postgres_running()
        self.is_away = False

    def freeze(self) -> bool:
        """Stop all its processes; give whether there were any."""
        processes = self.processes()
        self.is_away = bool(processes)
        self._signal(processes, signal.SIGSTOP)
        return bool(processes)

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        self._signal(self.processes(), signal.SIGCONT)
        self.is_away = False

    def set_read_only(self, read_only: bool) -> None:
        """Refuse or accept writes, in connections that exist too."""
        word = "on" if read_only else "off"
        self._server.psql(f"ALTER SYSTEM SET default_transaction_read_only = {word};")
        self._server.psql("SELECT pg_reload_conf();")

    def stop(self) -> None:
        """Leave no process behind."""
        self._server.cleanup()
        self._signal(self.processes(), signal.SIGKILL)

    @staticmethod
    def _signal(processes: list[psutil.Process], signum: int) -> None:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signum)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
