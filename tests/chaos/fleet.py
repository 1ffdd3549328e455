"""The workers: several `sdq worker` processes that are started again whenever they end, as launchd would."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from dataclasses import dataclass, field

import psutil

from sdq_core.errors import EXIT_CANNOT_CREATE, EXIT_IO_ERROR, EXIT_UNAVAILABLE
from tests.chaos.hosts import Host
from tests.chaos.ledger_view import Image
from tests.chaos.place import Place
from tests.chaos.stops import Stop

_RESTART_AFTER_S = 0.5

#: A worker that cannot begin says so and ends, and launchd starts it again; one that has begun must wait.
_NOT_USABLE = {EXIT_UNAVAILABLE, EXIT_CANNOT_CREATE, EXIT_IO_ERROR}
_START_S = 45.0
_BEGINS_S = 10.0

#: How often a worker's clock is not its host's, where such clocks can be had.
_STRAYS = 0.25

#: They notice a frozen engine soon, and a storm does not drive them to giving an image up.
_OPTIONS = (
    "--threads", "1", "--max-attempts", "20", "--step-deadline", "8", "--load-deadline", "60",
)  # fmt: skip


@dataclass(kw_only=True)
class Berth:
    """A place in the fleet and the worker that is in it now. not_before: when the next may start; monotonic, s."""

    number: int
    host: Host
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    not_before: float = 0.0
    killed: bool = False
    stop: Stop | None = None

    @property
    def lives(self) -> bool:
        """Whether a worker is in it."""
        return self.process is not None and self.process.poll() is None


@dataclass(kw_only=True)
class Fleet:
    """deserters: exit codes of workers that ended though nobody killed them; there should be none.

    refusals: those of workers that said at their start that Redis, disk or folder were not usable. stops: the workers
    that were asked to end.
    """

    place: Place
    berths: list[Berth]
    dice: random.Random
    deserters: list[int] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    _hosts: dict[int, str] = field(default_factory=dict)  # by process id

    def tend(self) -> None:
        """Start what is missing."""
        for berth in self.berths:
            if berth.process is not None and not berth.lives:
                self._note_end(berth, berth.process.returncode)
            if berth.process is None and time.monotonic() > berth.not_before:
                strays = self.dice.random() < _STRAYS
                berth.process = self.place.start(
                    "worker", *_OPTIONS,
                    host=berth.host,
                    log=f"worker-{berth.number}.log",
                    clock=self.place.stray_clock if strays else None,
                )  # fmt: skip
                berth.started_at = time.monotonic()
                self._hosts[berth.process.pid] = berth.host.name

    def has_begun(self) -> bool:
        """Whether each worker is old enough to have its handlers: an interpreter that starts just dies of a signal."""
        now = time.monotonic()
        return all(berth.lives and now > berth.started_at + _BEGINS_S for berth in self.berths)

    def host_of(self, pid: int) -> str:
        """Give the name of the host that a worker ran on."""
        return self._hosts[pid]

    def kill(self, berth: Berth) -> int | None:
        """Kill -9 a worker; give its process id once it is dead, None if it had ended already."""
        if berth.process is None or berth.process.poll() is not None:
            return None
        berth.killed = True
        berth.process.kill()
        berth.process.wait()
        return berth.process.pid

    def ask_to_end(self, berth: Berth, signum: signal.Signals) -> None:
        """Stop a worker in order; `stops` tells how that ended."""
        assert berth.process is not None
        in_hand = self.in_hand(berth)
        berth.stop = Stop(
            signal=signum.name, berth=berth.number, at=time.monotonic(), in_hand=in_hand
        )
        self.stops.append(berth.stop)
        berth.process.send_signal(signum)

    def drawing(self) -> list[Berth]:
        """List the berths whose workers have an image in hand and were not asked to end."""
        return [berth for berth in self.berths if not berth.stop and self.in_hand(berth)]

    def in_hand(self, berth: Berth) -> frozenset[Image]:
        """Give the images that a worker has begun and not finished."""
        pid = berth.process.pid if berth.process is not None and berth.lives else None
        return frozenset(hand.image for hand in self.place.ledger.hands() if hand.pid == pid)

    def engine(self, dice: random.Random) -> psutil.Process | None:
        """Choose one of the engines, loading or loaded."""
        found = self.place.engines()
        return dice.choice(found) if found else None

    def stop(self, *, deadline_s: float = 60.0) -> list[int]:
        """End all in order; give the exit codes."""
        living = [berth.process for berth in self.berths if berth.process is not None]
        for process in living:
            process.send_signal(signal.SIGTERM)
        end = time.monotonic() + deadline_s
        for process in living:
            try:
                process.wait(timeout=max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return [process.returncode for process in living]

    def destroy(self) -> None:
        """Leave no process behind, whatever happened."""
        for berth in self.berths:
            self.kill(berth)

    def _note_end(self, berth: Berth, code: int) -> None:
        now = time.monotonic()
        if berth.stop is not None:
            berth.stop.ended_at, berth.stop.exit_code = now, code
            berth.stop.killed = berth.killed
        elif not berth.killed:
            refused = now - berth.started_at < _START_S and code in _NOT_USABLE
            (self.refusals if refused else self.deserters).append(code)
        berth.process, berth.killed, berth.stop = None, False, None
        berth.not_before = max(berth.not_before, now + _RESTART_AFTER_S)


def make_fleet(place: Place, count: int, dice: random.Random) -> Fleet:
    """Prepare workers, the hosts in turn."""
    berths = [
        Berth(number=number, host=place.hosts[number % len(place.hosts)]) for number in range(count)
    ]
    return Fleet(place=place, berths=berths, dice=dice)
