"""What befalls Redis and the ledger: killed, frozen, locked, read-only."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3

from tests.chaos.postgres import Postgres
from tests.chaos.troubles.trouble import Blow, Heal, Scene, Struck, Trouble, freeze


def service_troubles(scene: Scene) -> list[Trouble]:
    """List what can be done to the services that the place has."""
    redis = RedisTroubles(scene)
    kinds = [
        _trouble("Redis", "Redis killed", 12, redis.kill, is_kill=True),
        _trouble("Redis", "Redis killed, its file deleted", 5, redis.lose, is_kill=True),
        _trouble("Redis", "Redis frozen", 2, redis.freeze),
    ]
    if scene.place.postgres is None:
        locked = SqliteTroubles(scene).lock
        kinds.append(_trouble("ledger", "ledger locked", 3, locked))
    else:
        postgres = PostgresTroubles(scene, scene.place.postgres)
        kinds += [
            _trouble("ledger", "PostgreSQL killed", 6, postgres.kill, is_kill=True),
            _trouble("ledger", "PostgreSQL frozen", 2, postgres.freeze),
            _trouble("ledger", "PostgreSQL read-only", 3, postgres.refuse_writes),
        ]
    return kinds


def _trouble(
    thing: str, name: str, rate: float, strike: Blow, *, is_kill: bool = False
) -> Trouble:  # fmt: skip
    return Trouble(name=name, rate=rate, strike=strike, is_kill=is_kill, thing=thing, wide=True)


class RedisTroubles:
    """A shared Redis is started again by the storm, an embedded one by whichever process needs it."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._place = scene.place

    def kill(self) -> Struck | None:
        """Kill -9 it; its append-only file stays."""
        pid = self._place.redis_pid()
        if pid is None:
            return None
        os.kill(pid, signal.SIGKILL)
        if not self._place.redis_is_shared:
            return Struck(workers=None)
        heal = self._place.redis.ensure_running
        return Struck(workers=None, lasts_s=self._scene.duration_s(), heal=heal)

    def lose(self) -> Struck | None:
        """Kill -9 it and delete its file."""
        struck = self.kill()
        if struck:
            folder = self._place.redis.folder
            shutil.rmtree(folder / "appendonlydir", ignore_errors=True)
            (folder / "appendonly.aof").unlink(missing_ok=True)
        return struck

    def freeze(self) -> Struck | None:
        """Suspend it."""
        pid = self._place.redis_pid()
        thaw = None if pid is None else freeze([pid])
        if thaw is None:
            return None
        return Struck(workers=None, lasts_s=self._scene.duration_s(), heal=thaw)


class SqliteTroubles:
    """A ledger that is a file."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def lock(self) -> Struck | None:
        """Hold its write lock."""
        database = self._scene.place.database
        if not database.exists():
            return None
        connection = sqlite3.connect(database, timeout=2, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            connection.close()
            return None
        return Struck(workers=None, lasts_s=self._scene.duration_s(), heal=connection.close)


class PostgresTroubles:
    """A ledger that is a server."""

    def __init__(self, scene: Scene, server: Postgres) -> None:
        self._scene = scene
        self._server = server

    def kill(self) -> Struck:
        """Kill -9 it."""
        self._server.kill()
        return self._struck(self._server.start)

    def freeze(self) -> Struck:
        """Suspend it."""
        self._server.freeze()
        return self._struck(self._server.thaw)

    def refuse_writes(self) -> Struck:
        """Let it refuse writes, as while somebody makes a copy or moves it."""
        self._server.set_read_only(True)
        return self._struck(lambda: self._server.set_read_only(False))

    def _struck(self, heal: Heal) -> Struck:
        return Struck(workers=None, lasts_s=self._scene.duration_s(), heal=heal)
