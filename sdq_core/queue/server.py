"""The embedded Redis: a real server in the data folder, for users who have none running.

The first command that needs it starts it; all sdq processes of the folder share it, and it outlives the command that
started it. It listens on a private unix socket only, and writes an append-only file: a kill loses nothing, and a power
cut at most the last second, which the ledger restores.

Everything that processes share here is found from the folder alone, however they spell it: the socket and the locks lie
in it. A server lives as long as its lock is held, and is stopped over its socket; a process id is shown to people and
never signalled.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import subprocess
import time
from pathlib import Path
from typing import IO

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sdq_core.errors import (
    ConfigurationError,
    OutputError,
    ServiceUnavailableError,
    StorageError,
    TryAgainError,
)
from sdq_core.queue.append_only_file import is_refusal, refused
from sdq_core.queue.choice import program_for
from sdq_core.queue.program import ServerProgram, running_program
from sdq_core.queue.unix_socket import LongPathConnection

_SOCKET = "redis.sock"

_START_DEADLINE_S = 30.0
_STOP_DEADLINE_S = 10.0

#: How long an existing server may stay silent while it stops or is busy.
_SILENCE_S = 5.0

#: How long a worker waits for a server that it has started in the middle of its work.
_GLANCE_S = 0.5

_POLL_S = 0.02


class RedisServer:
    """The embedded Redis of one data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.socket = self.folder / _SOCKET
        self._log = self.folder / "redis.log"

    @property
    def url(self) -> str:
        """What RQ's tools connect to, unless the folder's path is too long for a socket."""
        return f"unix://{self.socket}"

    def connection_pool(self, *, timeout_s: float, retry: Retry) -> redis.ConnectionPool:
        """Return connections to the server, however long the folder's path is. timeout_s: of each wait."""
        return redis.ConnectionPool(
            connection_class=LongPathConnection,
            path=str(self.socket),
            socket_connect_timeout=timeout_s,
            socket_timeout=timeout_s,
            retry=retry,
        )

    def ensure_running(self) -> None:
        """Start the server unless it answers already; safe to call from many processes at once.

        Raise ConfigurationError without a program that can read the folder's file, OutputError if the folder cannot be
        written, ServiceUnavailableError if a server does not answer or does not start, TryAgainError if another process
        takes too long to start it.
        """
        self._refuse_another_users()
        if self.is_running():
            return
        self._make_folder()
        with self._opened("start.lock") as starting, self._opened("server.lock") as lock:
            self._wait_for_starters(starting)
            deadline = time.monotonic() + _SILENCE_S
            while not _locked(lock):
                if self.is_running():
                    return
                if time.monotonic() > deadline:
                    raise ServiceUnavailableError(self.silence())
                time.sleep(_POLL_S)
            if not self.is_running() and not self._start(lock, wait_s=_START_DEADLINE_S):
                raise ServiceUnavailableError(
                    f"The embedded Redis was started, but does not answer after {_START_DEADLINE_S:.0f} s. Try again "
                    f"in a moment, and see {self._log}."
                )

    def revive(self) -> bool:
        """Start the server again if it died in the middle of a run; return whether it answers now.

        Waits for no other process, and never makes the folder: where that is gone, a drive was unplugged.

        Raise StorageError if it is gone, otherwise as `ensure_running`.
        """
        if not self.folder.is_dir():
            raise StorageError(
                f"The data folder's {self.folder} is gone. Connect its drive again; nothing is lost."
            )
        with self._opened("start.lock") as starting, self._opened("server.lock") as lock:
            if not (_locked(starting) and _locked(lock)):
                return False  # a server lives, or is being started
            return self._start(lock, wait_s=_GLANCE_S)

    def is_running(self) -> bool:
        """Say whether it answers; a server that is still loading its file counts."""
        try:
            return self._serves(_SILENCE_S)
        except redis.exceptions.BusyLoadingError:
            return True

    def _serves(self, within_s: float) -> bool:
        """Say whether it answers; raise BusyLoadingError while it is loading its file."""
        try:
            with self.client(within_s) as client:
                client.ping()
        except redis.exceptions.BusyLoadingError:
            raise
        except (redis.exceptions.RedisError, OSError):
            return False
        return True

    def is_silent(self) -> bool:
        """Say whether a server exists but does not answer (yet)."""
        return self._lives() and not self.is_running()

    def silence(self) -> str:
        """Return what to say of a server that is silent."""
        holder = ""
        with contextlib.suppress(OSError):
            holder = (self.folder / "server.lock").read_text().strip()
        process = f"process {holder}" if holder else f"it locks {self.folder / 'server.lock'}"
        if not self.socket.exists():
            return (
                f"The embedded Redis ({process}) is running, but its socket {self.socket} is gone: it was deleted, or "
                "sdq 0.1 put it into a temporary folder. End that process and try again; nothing is lost."
            )
        return (
            f"The embedded Redis ({process}) does not answer. "
            "Try again in a moment; if that does not help, end that process."
        )

    def program(self) -> ServerProgram | None:
        """Ask the running server what it is; None when it does not answer."""
        try:
            with self.client() as client:
                return running_program(client.info("server"))
        except (redis.exceptions.RedisError, OSError):
            return None

    def pid(self) -> int | None:
        """Ask the running server for its process id; None when it does not answer."""
        try:
            with self.client() as client:
                return int(client.info("server")["process_id"])
        except (redis.exceptions.RedisError, OSError):
            return None

    def stop(self) -> None:
        """Shut the server down so that its file is complete; do nothing if none is running.

        Raise ServiceUnavailableError if one is running and does not answer, refuses or takes too long.
        """
        if not self.is_running():
            if self.is_silent():
                raise ServiceUnavailableError(self.silence())
            return
        ended = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)
        with contextlib.suppress(*ended), self.client() as client:
            client.shutdown(nosave=True)  # the append-only file is completed all the same
        deadline = time.monotonic() + _STOP_DEADLINE_S
        while self._lives():
            if time.monotonic() > deadline:
                raise ServiceUnavailableError(
                    f"The embedded Redis was told to stop, but has not ended after {_STOP_DEADLINE_S:.0f} s. It may "
                    f"still be writing its file; see {self._log}."
                )
            time.sleep(_POLL_S)

    def client(self, timeout_s: float = _SILENCE_S) -> redis.Redis:
        """Return a client of the server, running or not. timeout_s: of each wait for an answer."""
        return redis.Redis.from_pool(
            self.connection_pool(timeout_s=timeout_s, retry=Retry(NoBackoff(), 0))
        )

    def _lives(self) -> bool:
        """Say whether a server exists, without asking it: it holds its lock as long as it lives."""
        try:
            with (self.folder / "server.lock").open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _refuse_another_users(self) -> None:
        """Neither trust a server in another user's folder nor leave files of this user there."""
        try:
            owner = self.folder.stat().st_uid
        except OSError:
            return  # not there yet
        if os.geteuid() not in (0, owner):
            raise ConfigurationError(
                f"{self.folder} belongs to {_name_of(owner)}. Run sdq as that user, or set SDQ_HOME to a folder of "
                "your own."
            )

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)
        except OSError as error:
            raise self._unwritable(error) from error

    def _opened(self, name: str) -> IO[str]:
        path = self.folder / name
        try:
            return path.open("a+")
        except PermissionError as error:
            owner = path.stat().st_uid if path.exists() else os.geteuid()
            if owner == os.geteuid():
                raise self._unwritable(error) from error
            raise ConfigurationError(
                f"{path} belongs to {_name_of(owner)}, who started the embedded Redis here. Stop it as that user "
                f"(`sdq redis stop`), and make {self.folder} and all in it your own with chown."
            ) from error
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(
            f"Cannot write to {self.folder} ({error.strerror}). Set SDQ_HOME to a folder of your own."
        )

    def _wait_for_starters(self, starting: IO[str]) -> None:
        """Let one process at a time start the server; the lock dies with its owner."""
        patience_s = _START_DEADLINE_S + 2 * _SILENCE_S
        deadline = time.monotonic() + patience_s
        while not _locked(starting):
            if time.monotonic() > deadline:
                raise TryAgainError(
                    f"Another process has been starting the embedded Redis in {self.folder} for {patience_s:.0f} s. "
                    "Try again in a moment; if that does not help, end that process."
                )
            time.sleep(_POLL_S)

    def _start(self, lock: IO[str], *, wait_s: float) -> bool:
        """Start a server; return whether it answers by then, and raise ServiceUnavailableError if it has ended.

        It inherits the lock, which is free again however it ends. A server that is suspended or stuck on its disk does
        not answer, and a second one would write to the same file.
        """
        program = program_for(self.folder)
        options = {
            "port": "0",
            "unixsocket": _SOCKET,
            "unixsocketperm": "700",
            "dir": ".",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "pidfile": "redis.pid",
            "logfile": self._log.name,
            "daemonize": "no",
        }
        command = [str(program.path)]
        for name, value in options.items():
            command += [f"--{name}", value]
        said_before = self._log.stat().st_size if self._log.exists() else 0
        lock.truncate(0)
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=self.folder,  # all its paths are relative: that of a socket must be short
                pass_fds=[lock.fileno()],
                start_new_session=True,  # a Ctrl-C in this terminal is not meant for it
            )
        except OSError as error:  # its drive was unplugged, or the program removed, a moment ago
            raise ServiceUnavailableError(
                f"The embedded Redis cannot be started in {self.folder} ({error.strerror}). Try again."
            ) from error
        with contextlib.suppress(OSError):  # a full disk: the lock works without its holder's name
            os.write(lock.fileno(), str(process.pid).encode())
        deadline = time.monotonic() + wait_s
        while True:
            try:
                if self._serves(wait_s):
                    return True
                loading = False
            except redis.exceptions.BusyLoadingError:
                # It may still find that the file is damaged, and end.
                loading = True
            if process.poll() is not None:
                said = _said(self._log, since=said_before)
                if is_refusal(said):
                    raise ConfigurationError(refused(self.folder, program))
                raise ServiceUnavailableError(
                    f"The embedded Redis did not start: {_last_line(said)} See {self._log}. If its files are damaged, "
                    f"delete the folder {self.folder}: nothing is lost, the next `sdq worker` queues everything "
                    "unfinished again."
                )
            if time.monotonic() > deadline:
                return loading
            time.sleep(_POLL_S / 2)


def _locked(file: IO[str]) -> bool:
    """Lock a file for this process, and those that inherit it, until it is closed; return False if another has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # a network volume
        raise ConfigurationError(
            f"{file.name} cannot be locked ({error.strerror}). Set SDQ_HOME to a folder on a local disk."
        ) from error
    return True


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def _said(log: Path, *, since: int) -> str:
    """Return what was logged after a position (bytes)."""
    try:
        with log.open("rb") as file:
            file.seek(since)
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _last_line(said: str) -> str:
    lines = said.strip().splitlines()
    return f"{lines[-1].split('#', 1)[-1].strip()}." if lines else "it logged nothing."
