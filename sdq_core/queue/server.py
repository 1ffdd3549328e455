"""The embedded Redis: a real server in the data folder, for users who have none running.

The first command that needs it starts it; all sdq processes of the folder share it, and it outlives the command that
started it. It listens on a private unix socket only, and writes an append-only file: a kill loses nothing, and a power
cut at most the last second, which the ledger restores.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sdq_core.errors import ConfigurationError, OutputError, ServiceUnavailableError
from sdq_core.queue.append_only_file import is_refusal, refused
from sdq_core.queue.choice import program_for
from sdq_core.queue.program import ServerProgram, running_program

#: `sun_path` holds 104 bytes on macOS and 108 on Linux, the final NUL included.
_SOCKET_PATH_BYTES = 103

_START_DEADLINE_S = 30.0
_STOP_DEADLINE_S = 10.0

#: How long an existing server may stay silent while it stops or is busy.
_SILENCE_S = 5.0


class RedisServer:
    """The embedded Redis of one data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = _socket_path(folder)

    @property
    def url(self) -> str:
        """What redis-py connects to."""
        return f"unix://{self.socket}"

    def ensure_running(self) -> None:
        """Start the server unless it answers already; safe to call from many processes at once.

        Raise ConfigurationError without a program that can read the folder's file, OutputError if the folder cannot be
        written, ServiceUnavailableError if the server does not start.
        """
        if self.socket.parent != self.folder and self.socket.parent.exists():
            _refuse_foreign(self.socket.parent)  # a server in it may be another user's
        if self.is_running():
            return
        with self._lock():
            if not self.is_running():
                with self._only_server() as held:
                    self._start(held)

    def is_running(self) -> bool:
        """Say whether it answers; a server that is still loading its file counts."""
        if not self.socket.exists():
            return False
        try:
            with contextlib.closing(self._client()) as client:
                client.ping()
        except redis.exceptions.BusyLoadingError:
            return True
        except (redis.exceptions.RedisError, OSError):
            return False
        return True

    def is_silent(self) -> bool:
        """Say whether a server exists but does not answer (yet): it holds its lock as long as it lives."""
        if self.is_running():
            return False
        try:
            with (self.folder / "server.lock").open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def program(self) -> ServerProgram | None:
        """Ask the running server what it is; None when it does not answer."""
        try:
            with contextlib.closing(self._client()) as client:
                return running_program(client.info("server"))
        except (redis.exceptions.RedisError, OSError):
            return None

    def pid(self) -> int | None:
        """Return the running server's process id, None if it is unknown."""
        try:
            return int((self.folder / "redis.pid").read_text())
        except (OSError, ValueError):
            return None

    def stop(self) -> None:
        """Shut the server down so that its file is complete; do nothing if none is running."""
        pid = self.pid() if self.is_running() else None
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_DEADLINE_S
        while self.is_running() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _client(self) -> redis.Redis:
        return redis.Redis(
            unix_socket_path=str(self.socket), socket_timeout=5, retry=Retry(NoBackoff(), 0)
        )

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one process at a time start the server; the lock dies with its owner."""
        with self._lock_file("start.lock") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _lock_file(self, name: str) -> IO[str]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            return (self.folder / name).open("a+")
        except OSError as error:
            raise OutputError(
                f"Cannot write to {self.folder} ({error.strerror}). Set SDQ_HOME to a folder of your own."
            ) from error

    @contextlib.contextmanager
    def _only_server(self) -> Iterator[int]:
        """Yield a locked file for the new server to inherit: however that process ends, the lock is then free.

        A server that is suspended or stuck on its disk does not answer, and a second one would write to the same file.
        """
        with self._lock_file("server.lock") as file:
            deadline = time.monotonic() + _SILENCE_S
            ended = False
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    file.seek(0)
                    holder = file.read().strip()
                    left_s = deadline - time.monotonic()
                    if left_s < _SILENCE_S / 2 and not self.socket.exists() and not ended:
                        # Its socket was cleaned up, as systems do in /tmp: nothing can reach it any more.
                        ended = True
                        with contextlib.suppress(ValueError, ProcessLookupError):
                            os.kill(int(holder), signal.SIGTERM)
                    if left_s < 0:
                        process = f"process {holder}" if holder else f"it locks {file.name}"
                        raise ServiceUnavailableError(
                            f"The embedded Redis does not answer ({process}). "
                            "Try again in a moment; if that does not help, end that process."
                        ) from None
                    time.sleep(0.05)
            file.truncate(0)
            yield file.fileno()

    def _start(self, held: int) -> None:
        self.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_foreign(self.socket.parent)
        program = program_for(self.folder)
        log = self.folder / "redis.log"
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "pidfile": str(self.folder / "redis.pid"),
            "logfile": str(log),
            "daemonize": "no",
        }
        command = [str(program.path)]
        for name, value in options.items():
            command += [f"--{name}", value]
        said_before = log.stat().st_size if log.exists() else 0
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            pass_fds=[held],
            start_new_session=True,  # a Ctrl-C in this terminal is not meant for it
        )
        with contextlib.suppress(OSError):  # a full disk: the lock works without its holder's name
            os.write(held, str(process.pid).encode())
        deadline = time.monotonic() + _START_DEADLINE_S
        while not self.is_running():
            if process.poll() is not None or time.monotonic() > deadline:
                said = _said(log, since=said_before)
                if is_refusal(said):
                    raise ConfigurationError(refused(self.folder, program))
                raise ServiceUnavailableError(
                    f"The embedded Redis did not start: {_last_line(said)} See {log}. If its files are damaged, delete "
                    f"the folder {self.folder}: nothing is lost, the next `sdq worker` queues everything unfinished "
                    "again."
                )
            time.sleep(0.01)


def _socket_path(folder: Path) -> Path:
    path = folder / "redis.sock"
    if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES:
        return path
    short = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"sdq-{os.getuid()}" / f"{short}.sock"


def _refuse_foreign(folder: Path) -> None:
    status = folder.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise ConfigurationError(
            f"{folder} is open to other users, so the embedded Redis cannot put its socket there. "
            f"Run `chmod 700 {folder}`, or set SDQ_HOME to a shorter path."
        )


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
