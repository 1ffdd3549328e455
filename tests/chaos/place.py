"""Where a storm rages: one host or several, what they share, and a small disk where mounting one is allowed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from sdq_core.queue.server import RedisServer
from tests.chaos.clocks import Clock, clock_library, sweep_shared_memory
from tests.chaos.hosts import Host
from tests.chaos.ledger_view import LedgerView
from tests.chaos.postgres import Postgres

#: An hour ahead from the first moment on, so that also a short storm has clocks that differ.
_FIRST_OFFSET_S = 3600


class Place:
    """Hosts with their outputs, ledger and Redis.

    disk: the folder of a file system of its own that can be filled, None if there is none. postgres: None for SQLite.
    redis_is_shared: it is started by the storm only, as hosts share one; else by whichever process needs it.
    stray_clock: for a worker now and then, whose host's own clock is right. clocks: all that can jump.
    """

    def __init__(
        self,
        folder: Path,
        *,
        hosts: int,
        postgres: Postgres | None,
        disk: Path | None,
        environment: Mapping[str, str],
    ) -> None:
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.disk = disk
        self.postgres = postgres
        self.redis_is_shared = hosts > 1
        roomy = disk or folder / "disk"
        library = clock_library()
        shared = dict(environment)
        if postgres is not None:
            shared["SDQ_DATABASE_URL"] = postgres.url
        if self.redis_is_shared:
            self.outputs = roomy / "outputs"
            self.redis = RedisServer(folder / "redis")
            self.redis.ensure_running()
            shared |= {"SDQ_REDIS_URL": self.redis.url, "SDQ_OUTPUTS": str(self.outputs)}
            homes = [folder / f"host-{number}" for number in range(1, hosts + 1)]
        else:
            homes = [roomy / "home"]
            self.outputs = homes[0] / "outputs"
            self.redis = RedisServer(homes[0] / "redis")
        self.hosts: list[Host] = []
        for number, home in enumerate(homes, start=1):
            clock = None
            if library and number > 1:
                clock = Clock(folder / f"clock-{number}", library, offset_s=_FIRST_OFFSET_S)
            self.hosts.append(Host(f"storm{number}", home, shared=shared, clock=clock))
        self.clocks = [host.clock for host in self.hosts if host.clock]
        self.stray_clock: Clock | None = None
        if library and not self.redis_is_shared:
            self.stray_clock = Clock(folder / "clock", library, offset_s=_FIRST_OFFSET_S)
            self.clocks.append(self.stray_clock)
        self.database = homes[0] / "sdq.db"  # only without PostgreSQL
        if postgres is None:
            self.ledger = LedgerView(f"sqlite:///{self.database}")
        else:
            self.ledger = LedgerView(postgres.url, is_away=lambda: postgres.is_away)

    def start(
        self, *arguments: str, log: str, host: Host | None = None, clock: Clock | None = None
    ) -> subprocess.Popen[bytes]:
        """Start an `sdq` command, on the first host unless another is named."""
        return (host or self.hosts[0]).start(*arguments, log=self.logs / log, clock=clock)

    def engines(self) -> list[psutil.Process]:
        """List the engines of all hosts."""
        return [engine for host in self.hosts for engine in host.engines()]

    def processes(self) -> list[psutil.Process]:
        """List everything that belongs to the place, services included."""
        found = [process for host in self.hosts for process in host.processes()]
        if self.postgres:
            found += self.postgres.processes()
        pid = self.redis_pid()
        if pid is not None and all(process.pid != pid for process in found):
            found.append(psutil.Process(pid))
        return found

    def redis_pid(self) -> int | None:
        """Give the process id of the Redis that runs just now."""
        pid = self.redis.pid()
        try:
            running = pid is not None and "-server" in psutil.Process(pid).name()
        except psutil.Error:
            return None
        return pid if running else None

    def close(self) -> None:
        """Leave no process behind, whatever happened."""
        for engine in self.engines():
            with contextlib.suppress(ProcessLookupError):
                os.kill(engine.pid, signal.SIGKILL)
        self.redis.stop()
        if self.postgres:
            self.postgres.stop()
        sweep_shared_memory()


@contextlib.contextmanager
def opened(
    folder: Path,
    *,
    hosts: int,
    postgres: bool,
    disk_mib: int,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Place]:
    """Prepare a place in an empty folder, and leave nothing running or mounted afterwards.

    environment: of all commands, beside the place's own.
    """
    with small_disk(folder / "disk", size_mib=disk_mib) as mounted:
        # More than one host cannot share SQLite.
        server = Postgres(folder / "postgres") if postgres or hosts > 1 else None
        place = None
        try:
            place = Place(
                folder,
                hosts=hosts,
                postgres=server,
                disk=folder / "disk" if mounted else None,
                environment=environment or {},
            )
            yield place
        finally:
            if place:
                place.close()
            elif server:
                server.stop()


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
