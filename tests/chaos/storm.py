"""The storm: seeded troubles at random moments while workers draw and a customer submits, then calm and a reckoning."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from pathlib import Path

import redis
from sqlalchemy.exc import DBAPIError

from tests.chaos.builds import Builds
from tests.chaos.calm import Calm
from tests.chaos.curator import Curator
from tests.chaos.customer import Customer, all_wishes
from tests.chaos.drawings import drawings
from tests.chaos.fleet import make_fleet
from tests.chaos.journal import Journal
from tests.chaos.morning import left_in_redis, look_at_everything
from tests.chaos.onlooker import Onlooker
from tests.chaos.outcome import Outcome
from tests.chaos.pictures import Pictures, picture_troubles
from tests.chaos.place import Place, opened
from tests.chaos.recovery import Recoveries
from tests.chaos.strikes import Strike, strikes_by_units
from tests.chaos.troubles.choice import all_troubles
from tests.chaos.troubles.trouble import EVERYTHING, Heal, Scene, Struck, Trouble
from tests.chaos.weather import Weather

_TICK_S = 0.05

#: How often to look who has which image in hand.
_LOOK_EVERY_S = 0.2

#: How long the first image may be in coming: models are translated, and the machine may be busy.
_FIRST_IMAGE_S = 120.0

_WORD_EVERY_S = 30.0

#: Idle workers notice claims of the dead: a claim lives 20 s, and they look every five.
_CLAIMS_END_S = 45.0


def rage(folder: Path, weather: Weather, *, say: Callable[[str], None] = print) -> Outcome:
    """Let a storm rage in an empty folder, calm it, and look at what is left."""
    folder.mkdir(parents=True, exist_ok=True)
    builds = Builds(folder / "double", random.Random(weather.seed + 3)) if weather.units else None
    with opened(
        folder,
        hosts=weather.hosts,
        postgres=weather.postgres,
        disk_mib=weather.disk_mib,
        environment=builds.double.environment if builds else None,
    ) as place:
        storm = Storm(place, weather, say, builds)
        try:
            storm.rage()
            storm.abate()
        finally:
            storm.close()
        return storm.outcome


class Storm:
    """One storm over a place. outcome: what has come of it so far."""

    def __init__(
        self, place: Place, weather: Weather, say: Callable[[str], None], builds: Builds | None
    ) -> None:
        self.outcome = Outcome(weather=weather)
        self._builds = builds
        self._place = place
        self._weather = weather
        self._say = say
        self._dice = random.Random(weather.seed)
        self._fleet = make_fleet(place, weather.workers, random.Random(weather.seed + 2))
        self._pictures = (
            Pictures(place, random.Random(weather.seed + 4)) if weather.pictures else None
        )
        self._customer = Customer(
            place,
            random.Random(weather.seed + 1),
            backlog=weather.backlog,
            pictures=self._pictures.options if self._pictures else None,
        )
        self._curator = Curator(place)
        self._onlooker = Onlooker(place, random.Random(weather.seed + 5)) if weather.web else None
        self.outcome.onlooker = self._onlooker
        self._journal = Journal(place.logs)
        self._recoveries = Recoveries(place.ledger, self._journal, self._fleet)
        scene = Scene(
            place=place,
            fleet=self._fleet,
            customer=self._customer,
            curator=self._curator,
            onlooker=self._onlooker,
            dice=self._dice,
            longest_s=weather.longest_s,
            longest_sleep_s=weather.longest_sleep_s,
            builds=builds,
        )
        self._kinds = all_troubles(scene, picture_troubles(scene, self._pictures))
        self._lasting: list[tuple[float, Trouble, Strike, Heal]] = []
        self._next_look = 0.0
        if not place.disk:
            self.outcome.skipped.append("disk full: no small disk can be mounted here")
        if not place.clocks:
            self.outcome.skipped.append("clock jumped: libfaketime is not installed here")

    def rage(self) -> None:
        """Let troubles come, with calm phases between them."""
        weather, outcome = self._weather, self.outcome
        arrived = self._wait_for_the_first_image()
        calm = Calm(
            arrived,
            every_s=weather.calm_every_s,
            for_s=weather.calm_for_s,
            settles_s=weather.bounds.calm_settles_s,
        )
        outcome.phases = calm.phases
        next_trouble = arrived
        next_word = arrived + _WORD_EVERY_S
        while (moment := time.monotonic()) < arrived + weather.seconds:
            # Not before there is much to lose.
            if weather.kills is not None and outcome.kills >= weather.kills and self._has_much():
                break
            self._heal(moment)
            if calm.is_due(moment) and not calm.reigns:
                self._heal()
                calm.begin(moment)
            elif calm.reigns and not calm.is_due(moment):
                calm.end(moment)
                next_trouble = moment
            if not calm.reigns and moment >= next_trouble:
                next_trouble = moment + self._dice.expovariate(1 / weather.every_s)
                self._strike()
            if moment >= next_word:
                next_word = moment + _WORD_EVERY_S
                self._say(f"{moment - arrived:5.0f} s: {self._word()}")
            self._go_on()
        outcome.stormed_s = time.monotonic() - arrived
        self._heal()
        if not calm.reigns:
            calm.begin(time.monotonic())
        self._calm = calm

    def abate(self) -> None:
        """Let the workers draw what is left, end them in order, and look at everything."""
        outcome = self.outcome
        started = time.monotonic()
        settled = False
        while time.monotonic() < started + self._weather.drain_s:
            settled = settled or self._customer.settle()
            if settled and self._pictures:
                self._retry(self._pictures)
            if settled and self._is_drained():
                outcome.drained_s = time.monotonic() - started
                break
            self._go_on(submitting=False)
        self._wait(lambda: not self._is_left_in_redis(), _CLAIMS_END_S)
        self._wait(self._fleet.has_begun, _CLAIMS_END_S)
        self._say(f"calm: {self._word()}")
        self._calm.end(time.monotonic())
        outcome.exit_codes = self._fleet.stop()
        self._journal.read()
        outcome.strikes += strikes_by_units(self._journal)
        outcome.submissions = self._customer.submissions
        outcome.refusals = self._customer.refusals
        outcome.stops = self._fleet.stops
        outcome.recoveries = self._recoveries.all
        outcome.deserters = self._fleet.deserters
        outcome.refused_starts = self._fleet.refusals
        outcome.drawings = drawings(self._journal.drawn, self._place.ledger.entries())
        outcome.reckoning = look_at_everything(self._place, self._customer.orders)
        if self._builds:
            self._builds.look(self._place.ledger, time.monotonic())
            outcome.learnt = self._builds.learnt(self._place.ledger)
        if self._pictures:
            outcome.damage = self._pictures.damage
            outcome.broken += self._pictures.damage.violations(self._customer.orders)
        outcome.data_set = self._curator.finish(self._customer.orders)
        outcome.exports = self._curator.exports
        outcome.exports_killed = self._curator.killed
        outcome.export_codes = dict(self._curator.codes)

    def close(self) -> None:
        """Heal everything, and leave no process behind."""
        self._heal()
        self._customer.close()
        self._curator.close()
        if self._onlooker:
            self._onlooker.close()
        self._fleet.destroy()

    def _wait_for_the_first_image(self) -> float:
        """A storm needs something to blow at; give when that was there."""
        end = time.monotonic() + _FIRST_IMAGE_S
        while not self._place.ledger.done():
            if time.monotonic() > end:
                raise RuntimeError(
                    f"No image in {_FIRST_IMAGE_S:.0f} s. See the logs in {self._place.logs}."
                )
            self._go_on()
        return time.monotonic()

    def _go_on(self, *, submitting: bool = True) -> None:
        """Do what is always done, and wait a moment."""
        if all(trouble.thing != EVERYTHING for _, trouble, _, _ in self._lasting):
            self._fleet.tend()
            if submitting:
                self._customer.tend()
                self._curator.tend(self._customer.submitted)
            if self._onlooker:
                self._onlooker.tend()
        self._journal.read()
        if (moment := time.monotonic()) >= self._next_look:
            self._next_look = moment + _LOOK_EVERY_S
            self._recoveries.look(moment)
            if self._builds:
                self._builds.look(self._place.ledger, moment)
            if self._pictures:
                self._pictures.look()
        time.sleep(_TICK_S)

    def _strike(self) -> None:
        befallen = {trouble.thing for _, trouble, _, _ in self._lasting}
        if EVERYTHING in befallen:
            return
        possible = [
            kind for kind in self._kinds if kind.thing is None or kind.thing not in befallen
        ]
        struck = None
        while struck is None:  # it may have chosen a submission when none runs
            if not possible:
                return
            trouble = self._dice.choices(possible, weights=[kind.rate for kind in possible])[0]
            possible.remove(trouble)
            before = self._place.ledger.hands()
            at = time.monotonic()
            struck = trouble.strike()
        strike = Strike(
            name=trouble.name,
            at=at,
            is_kill=trouble.is_kill,
            wide=trouble.wide,
            emptied=struck.emptied,
        )
        hands = {*before, *self._place.ledger.hands()}
        strike.in_hand = {
            hand.image for hand in hands if struck.workers is None or hand.pid in struck.workers
        }
        self.outcome.strikes.append(strike)
        for pid in struck.dead:
            self._recoveries.expect(trouble.name, pid, time.monotonic())
        self._keep(trouble, strike, struck)

    def _keep(self, trouble: Trouble, strike: Strike, struck: Struck) -> None:
        """Remember to end a trouble that lasts."""
        if struck.heal is None:
            strike.healed_at = strike.at
        else:
            ends = time.monotonic() + struck.lasts_s
            self._lasting.append((ends, trouble, strike, struck.heal))

    def _heal(self, moment: float = float("inf")) -> None:
        """End the troubles that have lasted long enough, or all."""
        for entry in [entry for entry in self._lasting if entry[0] <= moment]:
            _, _, strike, heal = entry
            self._lasting.remove(entry)
            heal()
            strike.healed_at = time.monotonic()
            if strike.wide:
                # What was begun meanwhile may have been finished without anybody's knowing.
                strike.in_hand |= {hand.image for hand in self._place.ledger.hands()}

    def _retry(self, pictures: Pictures) -> None:
        """Have images drawn whose pictures were away, once nothing else is open."""
        with contextlib.suppress(DBAPIError):
            pictures.look()
            if self._place.ledger.open_slices() or not (batches := pictures.failed_now()):
                return
            pictures.damage.retried |= {*batches}
            for batch in batches:
                self._place.start("retry", batch, log="retry.log").wait(timeout=120)

    def _wait(self, until: Callable[[], bool], deadline_s: float) -> None:
        end = time.monotonic() + deadline_s
        while not until() and time.monotonic() < end:
            self._go_on(submitting=False)

    def _is_left_in_redis(self) -> bool:
        with contextlib.suppress(redis.exceptions.RedisError):
            return bool(left_in_redis(self._place))
        return True

    def _is_drained(self) -> bool:
        with contextlib.suppress(DBAPIError):
            done = self._place.ledger.done() >= len(all_wishes(self._customer.orders))
            return done and not self._place.ledger.open_slices()
        return False

    def _has_much(self) -> bool:
        return len(all_wishes(self._customer.orders)) >= self._weather.backlog

    def _word(self) -> str:
        return (
            f"{self.outcome.kills} kills, {len(self.outcome.strikes)} troubles, "
            f"{self._place.ledger.done()} of {len(all_wishes(self._customer.orders))} images, "
            f"{len(self._fleet.deserters)} workers gone by themselves"
        )
