"""The workers: several `sdq worker` processes that are started again whenever they end, as launchd would."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil

from sdq_core.errors import EXIT_CANNOT_CREATE, EXIT_IO_ERROR, EXIT_UNAVAILABLE
from tests.chaos.place import Place

_RESTART_AFTER_S = 0.5

#: A worker that cannot begin says so and ends, and launchd starts it again; one that has begun must wait.
_NOT_USABLE = {EXIT_UNAVAILABLE, EXIT_CANNOT_CREATE, EXIT_IO_ERROR}
_START_S = 45.0


@dataclass(kw_only=True)
class Berth:
    """A place in the fleet and the worker that is in it now."""

    number: int
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    ended_at: float = 0.0
    killed: bool = False


@dataclass(kw_only=True)
class Fleet:
    """deserters: exit codes of workers that ended though nobody killed them; there should be none.

    refusals: those of workers that said at their start that Redis, disk or folder were not usable.
    """

    place: Place
    options: Sequence[str]
    berths: list[Berth]
    deserters: list[int] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)

    def tend(self) -> None:
        """Start what is missing."""
        for berth in self.berths:
            if berth.process is not None and berth.process.poll() is not None:
                if not berth.killed:
                    code = berth.process.returncode
                    young = time.monotonic() - berth.started_at < _START_S
                    refused = young and code in _NOT_USABLE
                    (self.refusals if refused else self.deserters).append(code)
                berth.process, berth.killed, berth.ended_at = None, False, time.monotonic()
            if berth.process is None and time.monotonic() - berth.ended_at > _RESTART_AFTER_S:
                log = f"worker-{berth.number}.log"
                berth.process = self.place.start("worker", *self.options, log=log)
                berth.started_at = time.monotonic()

    def kill_worker(self, dice: random.Random) -> int | None:
        """Kill -9 one of the workers; give its process id."""
        berth = dice.choice(self.berths)
        if berth.process is None or berth.process.poll() is not None:
            return None
        berth.killed = True
        berth.process.kill()
        return berth.process.pid

    def engine(self, dice: random.Random) -> psutil.Process | None:
        """Choose one of the engines, loading or loaded."""
        found = self.engines()
        return dice.choice(found) if found else None

    def engines(self) -> list[psutil.Process]:
        """List the engines of this data folder, also those whose worker is gone."""
        found = []
        for process in psutil.process_iter():
            try:
                if (
                    "worker.engine.main" in process.cmdline()
                    and process.environ().get("SDQ_HOME") == str(self.place.home)
                    and process.status() != psutil.STATUS_ZOMBIE
                ):
                    found.append(process)
            except (psutil.Error, OSError):  # it ended meanwhile, or is somebody else's
                continue
        return sorted(found, key=lambda process: process.pid)

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
            if berth.process is not None and berth.process.poll() is None:
                berth.process.kill()
                berth.process.wait()
        for engine in self.engines():
            os.kill(engine.pid, signal.SIGKILL)


def make_fleet(place: Place, count: int) -> Fleet:
    """Prepare workers that notice a frozen engine soon, and that a storm does not drive to giving an image up."""
    options = (
        "--threads",
        "1",
        "--max-attempts",
        "20",
        "--step-deadline",
        "8",
        "--load-deadline",
        "60",
    )
    return Fleet(
        place=place, options=options, berths=[Berth(number=number) for number in range(count)]
    )  # fmt: skip
