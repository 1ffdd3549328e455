"""What befalls workers and engines: killed, told to stop, suspended; also a whole host, and everything at once."""

from __future__ import annotations

import signal
import subprocess
import time

import psutil

from tests.chaos.troubles.trouble import EVERYTHING, Scene, Struck, Trouble, freeze

#: A service manager asks first and kills then; the interesting ones of its patience are about an image long.
_PATIENCE_S = 1.0

#: The troubles after which an engine has sent nothing for longer than its worker waits.
SUSPENDS_ENGINES = ("engine frozen", "everything suspended")

_ENGINE_FROZEN_S = 30.0

#: Long enough for the other hosts to notice the silence (25 s), most of the time.
_HOST_GONE_S = (20.0, 45.0)


def worker_troubles(scene: Scene) -> list[Trouble]:
    """List what can be done to workers here."""
    workers = WorkerTroubles(scene)
    kinds = [
        Trouble(name="worker killed", rate=24, strike=workers.kill, is_kill=True),
        Trouble(name="worker stopped by force", rate=4, strike=workers.force, is_kill=True),
        Trouble(name="worker told to stop (TERM)", rate=4, strike=workers.terminate),
        Trouble(name="worker told to stop (HUP)", rate=4, strike=workers.hang_up),
        Trouble(name="worker frozen", rate=3, strike=workers.freeze_worker),
        Trouble(name="engine killed", rate=30, strike=workers.kill_engine, is_kill=True),
        Trouble(name="engine frozen", rate=4, strike=workers.freeze_engine),
        Trouble(name="everything suspended", rate=2, strike=workers.suspend, thing=EVERYTHING, wide=True),
    ]  # fmt: skip
    if len(scene.place.hosts) > 1:
        gone = Trouble(name="host gone", rate=4, strike=workers.lose_host, is_kill=True, thing="host")  # fmt: skip
        kinds.append(gone)
    return kinds


class WorkerTroubles:
    """Each method gives None when there was nothing to hit."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._fleet = scene.fleet
        self._dice = scene.dice

    def kill(self) -> Struck | None:
        """Kill -9 a worker, at whatever it is."""
        pid = self._fleet.kill(self._dice.choice(self._fleet.berths))
        return None if pid is None else Struck(workers=frozenset({pid}), dead=(pid,))

    def force(self) -> Struck | None:
        """Ask a worker to end, and kill it if it does not at once."""
        berths = self._fleet.drawing()
        if not berths:
            return None
        berth = self._dice.choice(berths)
        assert berth.process is not None
        pid = berth.process.pid
        self._fleet.ask_to_end(berth, signal.SIGTERM)
        try:
            berth.process.wait(timeout=self._dice.uniform(0, _PATIENCE_S))
        except subprocess.TimeoutExpired:
            self._fleet.kill(berth)
            return Struck(workers=frozenset({pid}), dead=(pid,))
        return Struck(workers=frozenset({pid}))

    def terminate(self) -> Struck | None:
        """Stop a worker as a service manager does."""
        return self._ask_to_end(signal.SIGTERM)

    def hang_up(self) -> Struck | None:
        """Stop a worker as a closed terminal does."""
        return self._ask_to_end(signal.SIGHUP)

    def _ask_to_end(self, signum: signal.Signals) -> Struck | None:
        # Only one that draws: an interpreter that is still starting has no handlers yet.
        berths = self._fleet.drawing()
        if not berths:
            return None
        self._fleet.ask_to_end(self._dice.choice(berths), signum)
        return Struck()  # a stop in order is no reason to draw anything twice

    def freeze_worker(self) -> Struck | None:
        """Suspend a worker; its engine goes on until its pipe is empty."""
        berth = self._dice.choice(self._fleet.berths)
        if berth.process is None or not berth.lives:
            return None
        pid = berth.process.pid
        thaw = freeze([pid])
        return Struck(workers=frozenset({pid}), lasts_s=self._scene.sleep_s(), heal=thaw)

    def kill_engine(self) -> Struck | None:
        """Kill -9 an engine."""
        engine = self._fleet.engine(self._dice)
        if engine is None:
            return None
        try:
            worker = engine.ppid()
            engine.kill()
        except psutil.Error:
            return None
        return Struck(workers=frozenset({worker}))

    def freeze_engine(self) -> Struck | None:
        """Suspend an engine for longer than its worker waits."""
        engine = self._fleet.engine(self._dice)
        if engine is None:
            return None
        try:
            worker = engine.ppid()
        except psutil.Error:
            return None
        thaw = freeze([engine.pid])
        return Struck(workers=frozenset({worker}), lasts_s=_ENGINE_FROZEN_S, heal=thaw)

    def suspend(self) -> Struck | None:
        """Suspend all processes and services, as closing a laptop does."""
        postgres = self._scene.place.postgres
        pids = [process.pid for process in self._scene.place.processes()]
        thaw = freeze(pids)
        if postgres:
            postgres.freeze()

        def wake() -> None:
            if postgres:
                postgres.thaw()
            if thaw:
                thaw()

        return Struck(workers=None, lasts_s=self._scene.sleep_s(), heal=wake)

    def lose_host(self) -> Struck | None:
        """Kill all workers and engines of a host, and start none there for a while."""
        host = self._dice.choice(self._scene.place.hosts)
        lasts_s = self._dice.uniform(*_HOST_GONE_S)
        berths = [berth for berth in self._fleet.berths if berth.host is host]
        dead = tuple(pid for berth in berths if (pid := self._fleet.kill(berth)) is not None)
        for process in host.engines():
            process.kill()
        if not dead:
            return None
        for berth in berths:
            berth.not_before = time.monotonic() + lasts_s

        def start_again() -> None:
            for berth in berths:
                berth.not_before = 0.0

        return Struck(
            workers=frozenset(dead), dead=dead, emptied=host.name, lasts_s=lasts_s, heal=start_again
        )
