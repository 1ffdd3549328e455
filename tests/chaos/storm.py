"""The storm: seeded troubles at random moments while workers draw and a customer submits, then calm and a reckoning."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import redis

from tests.chaos.customer import Customer
from tests.chaos.fleet import Fleet, make_fleet
from tests.chaos.morning import Reckoning, left_in_redis, look_at_everything
from tests.chaos.place import Place, small_disk
from tests.chaos.troubles import Heal, Trouble, Troubles

_TICK_S = 0.05

#: How long the first image may be in coming: models are translated, and the machine may be busy.
_FIRST_IMAGE_S = 120.0

_WORD_EVERY_S = 30.0

_CLAIMS_END_S = 45.0


@dataclass(frozen=True, kw_only=True)
class Weather:
    """How a storm is. every_s: the mean time between troubles; longest_s: how long a lasting one lasts at most;
    kills: after how many the storm may end early, None to use all its time.
    """

    seconds: float
    seed: int
    workers: int = 3
    every_s: float = 2.5
    longest_s: float = 12.0
    backlog: int = 150
    disk_mib: int = 512
    kills: int | None = None
    drain_s: float = 300.0


@dataclass(frozen=True, kw_only=True)
class Strike:
    """One trouble that came. at: seconds since the epoch, for the ledger's times are those."""

    name: str
    is_kill: bool
    at: float
    in_hand: tuple[tuple[int, int], ...]


@dataclass(kw_only=True)
class Outcome:
    """All that a storm left behind. drained_s: how long the calm afterwards took to draw what was left."""

    weather: Weather
    strikes: list[Strike] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    submissions: int = 0
    refusals: dict[int, int] = field(default_factory=dict)
    deserters: list[int] = field(default_factory=list)
    refused_starts: list[int] = field(default_factory=list)
    exit_codes: list[int] = field(default_factory=list)
    stormed_s: float = 0.0
    drained_s: float | None = None
    reckoning: Reckoning | None = None

    @property
    def kills(self) -> int:
        """Count what was ended by kill -9."""
        return sum(strike.is_kill for strike in self.strikes)


def rage(folder: Path, weather: Weather, *, say: Callable[[str], None] = print) -> Outcome:
    """Let a storm rage in an empty folder, calm it, and look at what is left."""
    outcome = Outcome(weather=weather)
    with small_disk(folder / "home", size_mib=weather.disk_mib) as mounted:
        if not mounted:
            outcome.skipped.append("disk full: no small disk can be mounted here")
        place = Place(folder, small_disk=mounted)
        dice = random.Random(weather.seed)
        fleet = make_fleet(place, weather.workers)
        customer = Customer(place, random.Random(weather.seed + 1), backlog=weather.backlog)
        try:
            _storm(place, fleet, customer, dice, weather, outcome, say)
            _calm(place, fleet, customer, weather, outcome, say)
            outcome.reckoning = look_at_everything(place, customer, fleet)
        finally:
            customer.close()
            fleet.destroy()
            place.redis.stop()
    return outcome


def _storm(
    place: Place,
    fleet: Fleet,
    customer: Customer,
    dice: random.Random,
    weather: Weather,
    outcome: Outcome,
    say: Callable[[str], None],
) -> None:
    kinds = Troubles(place, fleet, customer, dice, longest_s=weather.longest_s).kinds()
    lasting: list[tuple[float, Trouble, Heal]] = []
    arrived = started = time.monotonic()
    next_trouble: float | None = None
    next_word = started + _WORD_EVERY_S
    try:
        while (moment := time.monotonic()) < started + weather.seconds:
            if next_trouble is None and moment < arrived + _FIRST_IMAGE_S:
                started = moment  # a storm needs something to blow at
            enough = len(customer.wishes()) >= weather.backlog  # not before there is much to lose
            if weather.kills is not None and outcome.kills >= weather.kills and enough:
                break
            fleet.tend()
            customer.tend()
            for entry in [entry for entry in lasting if entry[0] <= moment]:
                lasting.remove(entry)
                entry[2]()
            if next_trouble is None:
                next_trouble = moment if place.done() else None
            elif moment >= next_trouble:
                next_trouble = moment + dice.expovariate(1 / weather.every_s)
                _strike(dice, kinds, lasting, outcome)
            if moment >= next_word:
                next_word = moment + _WORD_EVERY_S
                say(
                    f"{moment - started:5.0f} s: {outcome.kills} kills, "
                    f"{len(outcome.strikes)} troubles, "
                    f"{place.done()} of {len(customer.wishes())} images, "
                    f"{len(fleet.deserters)} workers gone by themselves"
                )
            time.sleep(_TICK_S)
    finally:
        for _, _, heal in lasting:
            heal()
        outcome.stormed_s = time.monotonic() - started


def _strike(
    dice: random.Random,
    kinds: list[Trouble],
    lasting: list[tuple[float, Trouble, Heal]],
    outcome: Outcome,
) -> None:
    under_way = {trouble.name for _, trouble, _ in lasting}
    possible = [kind for kind in kinds if not (kind.alone and kind.name in under_way)]
    struck = None
    while struck is None:  # it may have chosen a submission when none runs
        if not possible:
            return
        trouble = dice.choices(possible, weights=[kind.rate for kind in possible])[0]
        possible.remove(trouble)
        at = time.time()
        struck = trouble.strike()
    outcome.strikes.append(
        Strike(name=trouble.name, is_kill=trouble.is_kill, at=at, in_hand=struck.in_hand)
    )
    if struck.heal:
        lasting.append((time.monotonic() + struck.lasts_s, trouble, struck.heal))


def _wait_for_redis(place: Place, fleet: Fleet) -> None:
    """Let the idle workers notice claims of the dead: a claim lives 20 s, and they look every five."""
    end = time.monotonic() + _CLAIMS_END_S
    while time.monotonic() < end:
        fleet.tend()
        with contextlib.suppress(redis.exceptions.RedisError):
            if not left_in_redis(place):
                return
        time.sleep(4 * _TICK_S)


def _calm(
    place: Place,
    fleet: Fleet,
    customer: Customer,
    weather: Weather,
    outcome: Outcome,
    say: Callable[[str], None],
) -> None:
    """Let the workers draw what is left, and end them in order."""
    started = time.monotonic()
    settled = False
    while time.monotonic() < started + weather.drain_s:
        fleet.tend()
        settled = settled or customer.settle()
        if settled and place.done() >= len(customer.wishes()) and not place.open_slices():
            outcome.drained_s = time.monotonic() - started
            _wait_for_redis(place, fleet)
            break
        time.sleep(4 * _TICK_S)
    say(f"calm: {place.done()} of {len(customer.wishes())} images")
    outcome.submissions = customer.submissions
    outcome.refusals = customer.refusals
    outcome.exit_codes = fleet.stop()
    outcome.deserters = fleet.deserters
    outcome.refused_starts = fleet.refusals
