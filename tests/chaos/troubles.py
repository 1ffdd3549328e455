"""The kinds of trouble, each with the rate at which it comes and, where it lasts, how it is ended."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shutil
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.chaos.customer import Customer
from tests.chaos.fleet import Fleet
from tests.chaos.place import Place

Heal = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Struck:
    """A trouble that has come. in_hand: the images that it interrupted; heal ends it after lasts_s."""

    in_hand: tuple[tuple[int, int], ...] = ()
    lasts_s: float = 0.0
    heal: Heal | None = None


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """strike gives None when there was nothing to hit. rate: relative to the others. alone: not twice at once."""

    name: str
    rate: float
    strike: Callable[[], Struck | None]
    is_kill: bool = True
    alone: bool = False


class Troubles:
    """All that can happen to a place, its fleet and its customer."""

    def __init__(
        self, place: Place, fleet: Fleet, customer: Customer, dice: random.Random, *, longest_s: float
    ) -> None:  # fmt: skip
        self._place = place
        self._fleet = fleet
        self._customer = customer
        self._dice = dice
        self._longest_s = longest_s

    def kinds(self) -> list[Trouble]:
        """List what can be done here."""
        kinds = [
            Trouble(name="worker killed", rate=24, strike=self._kill_worker),
            Trouble(name="engine killed", rate=30, strike=self._kill_engine),
            Trouble(name="Redis killed", rate=12, strike=self._kill_redis),
            Trouble(name="Redis killed, its file deleted", rate=5, strike=self._lose_redis),
            Trouble(name="submission killed", rate=12, strike=self._kill_submission),
            Trouble(name="engine frozen", rate=4, strike=self._freeze_engine, is_kill=False),
            Trouble(name="Redis frozen", rate=2, strike=self._freeze_redis, is_kill=False, alone=True),
            Trouble(name="ledger locked", rate=3, strike=self._lock_ledger, is_kill=False, alone=True),
            Trouble(name="outputs closed", rate=2, strike=self._close_outputs, is_kill=False, alone=True),
        ]  # fmt: skip
        if self._place.small_disk:
            full = Trouble(name="disk full", rate=2.5, strike=self._fill_disk, is_kill=False, alone=True)  # fmt: skip
            kinds.append(full)
        return kinds

    def _kill_worker(self) -> Struck | None:
        pid = self._fleet.kill_worker(self._dice)
        # A worker's name is host-pid-token.
        return None if pid is None else Struck(in_hand=self._in_hand(f"%-{pid}-%"))

    def _kill_engine(self) -> Struck | None:
        engine = self._fleet.engine(self._dice)
        if engine is None:
            return None
        try:
            worker = engine.ppid()
            engine.kill()
        except psutil.Error:
            return None
        return Struck(in_hand=self._in_hand(f"%-{worker}-%"))

    def _kill_redis(self) -> Struck | None:
        pid = self._redis_pid()
        if pid is None:
            return None
        os.kill(pid, signal.SIGKILL)
        return Struck(in_hand=self._in_hand())

    def _lose_redis(self) -> Struck | None:
        struck = self._kill_redis()
        if struck:
            folder = self._place.redis.folder
            shutil.rmtree(folder / "appendonlydir", ignore_errors=True)
            (folder / "appendonly.aof").unlink(missing_ok=True)
        return struck

    def _kill_submission(self) -> Struck | None:
        return Struck() if self._customer.kill() else None

    def _freeze_engine(self) -> Struck | None:
        engine = self._fleet.engine(self._dice)
        if engine is None:
            return None
        return self._freeze(engine.pid, 30.0, in_hand=self._in_hand(f"%-{engine.ppid()}-%"))

    def _freeze_redis(self) -> Struck | None:
        pid = self._redis_pid()
        return None if pid is None else self._freeze(pid, self._duration(), in_hand=self._in_hand())

    def _freeze(self, pid: int, lasts_s: float, in_hand: tuple[tuple[int, int], ...]) -> Struck | None:  # fmt: skip
        try:
            os.kill(pid, signal.SIGSTOP)
        except ProcessLookupError:
            return None

        def thaw() -> None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

        return Struck(lasts_s=lasts_s, heal=thaw, in_hand=in_hand)

    def _lock_ledger(self) -> Struck | None:
        if not self._place.database.exists():
            return None
        connection = sqlite3.connect(self._place.database, timeout=2, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            connection.close()
            return None
        return Struck(lasts_s=self._duration(), heal=connection.close)

    def _close_outputs(self) -> Struck | None:
        outputs = self._place.home / "outputs"
        if not outputs.is_dir():
            return None
        folders = [outputs, *(path for path in outputs.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o500)

        def open_again() -> None:
            for folder in folders:
                folder.chmod(0o755)

        return Struck(lasts_s=self._duration(), heal=open_again)

    def _fill_disk(self) -> Struck | None:
        filler = self._place.home / "filler"
        _fill(filler)
        return Struck(lasts_s=self._duration(), heal=filler.unlink)

    def _redis_pid(self) -> int | None:
        pid = self._place.redis.pid()
        try:
            running = pid is not None and "-server" in psutil.Process(pid).name()
        except psutil.Error:
            return None
        return pid if running else None

    def _in_hand(self, worker: str = "%") -> tuple[tuple[int, int], ...]:
        return tuple(self._place.in_hand(worker))

    def _duration(self) -> float:
        return self._dice.uniform(1.0, self._longest_s)


def _fill(path: Path) -> None:
    """Write until nothing more fits, the last bytes one by one."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    if file.write(b"\0" * size) < size:
                        break
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
