"""A PostgreSQL of the storm's own, with the pgserver wheel's programs: killed, frozen, read-only, and right again."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg

_PR_SET_PDEATHSIG = 1
_TICK_S = 0.02
_STARTS_S = 30.0
_ENDS_S = 10.0


class Postgres:
    """One server. is_away: it is killed or frozen just now, and asking it would only wait.

    It is a child of the storm's, not of pgserver's `pg_ctl`: as long as nobody has collected a killed server, its
    process id looks alive, and no other would start.
    """

    def __init__(self, folder: Path) -> None:
        """Make an empty database and start its server; raises what pgserver raises where it cannot."""
        import pgserver._commands
        import pgserver.postgres_server

        once: Any = pgserver.postgres_server.get_server(folder)
        # Nothing here has to survive a power cut.
        once.psql("ALTER SYSTEM SET fsync = off;")
        once.psql("CREATE DATABASE storm;")
        self.url = str(once.get_uri(database="storm"))
        self._user: str | None = once.system_user  # not root
        once.cleanup()
        # Workers that are root without its rights may still reach the socket, as members of its group.
        os.chown(folder, -1, os.getgid())
        folder.chmod(0o750)
        program = pgserver._commands.POSTGRES_BIN_PATH / "postgres"
        socket_folder = once.get_postmaster_info().socket_dir
        self._command = [program, "-D", folder, "-k", socket_folder, "-h", ""]
        self._log = folder / "log"
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers; after a kill it recovers by itself first."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                user=self._user,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
            )
        end = time.monotonic() + _STARTS_S
        while not self._answers():
            if time.monotonic() > end or self._process.poll() is not None:
                raise RuntimeError(f"PostgreSQL did not start. See {self._log}.")
            time.sleep(_TICK_S)
        self.is_away = False

    def processes(self) -> list[psutil.Process]:
        """List the server's processes, the first one first."""
        try:
            first = psutil.Process(self._process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.Error:
            return []

    def kill(self) -> None:
        """Kill -9 all its processes."""
        processes = self.processes()
        self.is_away = True
        self._signal(processes, signal.SIGKILL)
        self._process.wait()
        end = time.monotonic() + _ENDS_S
        while any(map(_lives, processes)) and time.monotonic() < end:
            time.sleep(_TICK_S)

    def freeze(self) -> None:
        """Stop all its processes."""
        self.is_away = True
        self._signal(self.processes(), signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        self._signal(self.processes(), signal.SIGCONT)
        self.is_away = False

    def set_read_only(self, read_only: bool) -> None:
        """Refuse or accept writes, in connections that exist too."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            word = "on" if read_only else "off"
            connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {word}".encode())
            connection.execute("SELECT pg_reload_conf()")

    def stop(self) -> None:
        """Leave no process behind."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # its fast shutdown
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=_ENDS_S)
        if self._process.poll() is None:
            self.kill()

    def _answers(self) -> bool:
        with (
            contextlib.suppress(psycopg.Error),
            psycopg.connect(self.url, connect_timeout=5) as connection,
        ):
            connection.execute("SELECT 1")
            return True
        return False

    @staticmethod
    def _signal(processes: list[psutil.Process], signum: int) -> None:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signum)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
