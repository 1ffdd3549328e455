"""A crowd: many submissions that overlap, by several people at once, against mostly idle workers, without any trouble.

Every second delivery of a slice, and every image that two batches ask for at the same moment, would show here.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.calm import Phase
from tests.chaos.customer import PLACES, Order, all_wishes
from tests.chaos.drawings import drawings, repeats
from tests.chaos.fleet import make_fleet
from tests.chaos.journal import Journal
from tests.chaos.morning import look_at_everything
from tests.chaos.outcome import drawn_too_often
from tests.chaos.place import Place, opened

_TICK_S = 0.05
_WORD_EVERY_S = 60.0

_SUBMITTERS = 4

#: How many orders' images one asks for at most, its own included.
_AHEAD = 3

_PROMPTS = ("a lighthouse", "a tent in the snow", "a red house", "the sea at night")
_DRAIN_S = 600.0


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """images: how many different ones are asked for in all; submissions: how many orders share them."""

    images: int
    submissions: int
    workers: int
    seed: int
    postgres: bool = False


def crowd(folder: Path, plan: Crowd, *, say: Callable[[str], None]) -> bool:
    """Submit everything, draw everything, and print what was drawn twice; give whether nothing was."""
    disk_mib = 512 + plan.images // 10
    with opened(folder, hosts=1, postgres=plan.postgres, disk_mib=disk_mib) as place:
        place.stray_clock = None
        fleet = make_fleet(place, plan.workers, random.Random(plan.seed + 2))
        journal = Journal(place.logs)
        orders = make_orders(plan, random.Random(plan.seed))
        queue = Queue(place, orders, random.Random(plan.seed + 1))
        began = time.monotonic()
        next_word = began + _WORD_EVERY_S
        asked = len(all_wishes(orders))
        ends = None  # once everything is submitted
        try:
            while ends is None or time.monotonic() < ends:
                fleet.tend()
                journal.read()
                if queue.tend() and ends is None:
                    ends = time.monotonic() + _DRAIN_S
                if ends and place.ledger.done() >= asked and not place.ledger.open_slices():
                    break
                if time.monotonic() >= next_word:
                    next_word += _WORD_EVERY_S
                    say(f"{place.ledger.done()} of {asked} images")
                time.sleep(_TICK_S)
            codes = fleet.stop()
            journal.read()
            found = look_at_everything(place, orders)
            entries = place.ledger.entries()
        finally:
            queue.close()
            fleet.destroy()
        all_of_it = Phase(begins=began, ends=time.monotonic())
        again = repeats(drawings(journal.drawn, entries), [], [all_of_it])
        broken = [*found.violations, *drawn_too_often(again)]
        if found.spare_copies:
            broken.append(f"{found.spare_copies} spare copies of images that two batches share")
        if fleet.deserters or any(codes):
            broken.append(f"workers ended with {[*fleet.deserters, *codes]}")
        if queue.refusals:
            broken.append(f"submissions ended with {queue.refusals}")
        say(
            f"{len(orders)} submissions by {_SUBMITTERS} at a time asked for {asked} images, "
            f"{sum(len(order.wishes()) for order in orders)} with those that they share; "
            f"{plan.workers} workers drew {len(journal.drawn)} in {time.monotonic() - began:.0f} s.\n"
            f"{len(again)} images were drawn to the end twice; {found.spare_copies} spare copies; "
            f"{found.begun_again} attempts came to nothing.\n"
            f"sdq verify: {found.audit}"
        )
        for text in broken:
            say(f"VIOLATION: {text}")
        return not broken


def make_orders(plan: Crowd, dice: random.Random) -> list[Order]:
    """Divide the seeds among the submissions; each also asks for some that the following ones ask for."""
    seeds = -(-plan.images // len(_PROMPTS))
    cuts = [number * seeds // plan.submissions for number in range(plan.submissions + 1)]
    return [
        Order(
            name=f"crowd-{number}",
            steps=1,
            prompts=list(_PROMPTS),
            seeds=range(first, cuts[min(number + dice.randint(1, _AHEAD), plan.submissions)]),
        )
        for number, first in enumerate(cuts[:-1])
    ]


class Queue:
    """The submissions, several at a time, with pauses in which the workers become idle."""

    def __init__(self, place: Place, orders: list[Order], dice: random.Random) -> None:
        self.refusals: list[int] = []
        self._place = place
        self._left = orders[::-1]
        self._dice = dice
        self._running: list[subprocess.Popen[bytes]] = []
        self._not_before = 0.0

    def tend(self) -> bool:
        """Start what can be started; give whether everything is through."""
        for process in list(self._running):
            if process.poll() is not None:
                self._running.remove(process)
                if process.returncode:
                    self.refusals.append(process.returncode)
        if not self._running and time.monotonic() >= self._not_before:
            # All at the same moment: that is when they get in each other's way.
            for _ in range(min(_SUBMITTERS, len(self._left))):
                order = self._left.pop()
                host, place = self._place.hosts[0], self._dice.choice(PLACES)
                self._running.append(order.submit(self._place, host, *place))
            self._not_before = time.monotonic() + self._dice.uniform(0, 2)
        return not (self._running or self._left)

    def close(self) -> None:
        """Leave no process behind."""
        for process in self._running:
            process.kill()
            process.wait()
