"""One kill after the other on a machine that is calm otherwise: how soon is a dead worker's slice taken up again?"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tests.chaos.bounds import Bounds
from tests.chaos.customer import Customer
from tests.chaos.fleet import Berth, make_fleet
from tests.chaos.journal import Journal
from tests.chaos.place import opened
from tests.chaos.recovery import Recoveries, ninetieth, out_of_bounds

_TICK_S = 0.02
_DISK_MIB = 512
_WORD_EVERY = 10

#: Begin with each worker at work, and give up on a slice that nobody takes.
_READY_S = 120.0
_LONGEST_S = 120.0

#: Kill at any moment of an image, and of a slice.
_WITHIN_S = 3.0


def kill_often(
    folder: Path, *, kills: int, workers: int, seed: int, bounds: Bounds, say: Callable[[str], None]
) -> bool:
    """Kill workers one at a time and print how soon their slices were taken up; give whether that was in bounds.

    kills: how many workers that have an image in hand.
    """
    with opened(folder, hosts=1, postgres=False, disk_mib=_DISK_MIB) as place:
        dice = random.Random(seed)
        place.stray_clock = None
        fleet = make_fleet(place, workers, random.Random(seed + 2))
        customer = Customer(place, random.Random(seed + 1), backlog=60 * workers)
        journal = Journal(place.logs)
        recoveries = Recoveries(place.ledger, journal, fleet)

        def wait(until: Callable[[], bool], deadline_s: float) -> bool:
            end = time.monotonic() + deadline_s
            while time.monotonic() < end:
                fleet.tend()
                customer.tend()
                journal.read()
                recoveries.look(time.monotonic())
                if until():
                    return True
                time.sleep(_TICK_S)
            return False

        def all_draw() -> bool:
            return len(fleet.drawing()) == workers

        try:
            told = 0
            while len(recoveries.all) < kills:
                if not wait(all_draw, _READY_S):
                    say(f"Not all workers draw after {_READY_S:.0f} s.")
                    return False
                wait(lambda: False, dice.uniform(0, _WITHIN_S))
                _kill_one(dice.choice(fleet.berths), fleet.kill, recoveries)
                if not wait(lambda: not recoveries.waiting(), _LONGEST_S):
                    say(f"Nobody took up a dead worker's slice in {_LONGEST_S:.0f} s.")
                    return False
                if len(recoveries.all) >= told + _WORD_EVERY:
                    told = len(recoveries.all)
                    say(f"{told} kills")
        finally:
            customer.close()
            fleet.destroy()
    seconds = [one.seconds for one in recoveries.all if one.seconds is not None]
    say(
        f"{len(seconds)} kills of one of {workers} workers; its slice was taken up after {median(seconds):.1f} s "
        f"in the median, 90 % within {ninetieth(seconds):.1f} s, worst {max(seconds):.1f} s."
    )
    broken = out_of_bounds(recoveries.all, [], bounds)
    for text in broken:
        say(f"VIOLATION: {text}")
    return not broken


def _kill_one(
    berth: Berth, kill: Callable[[Berth], int | None], recoveries: Recoveries
) -> None:  # fmt: skip
    at = time.monotonic()
    pid = kill(berth)
    if pid is not None:
        recoveries.expect("worker killed", pid, at)
