"""All that a storm left behind, and whether the promise was kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos.builds import Learnt
from tests.chaos.calm import Phase
from tests.chaos.drawings import Drawing, Repeat, repeats
from tests.chaos.morning import Reckoning
from tests.chaos.onlooker import Onlooker
from tests.chaos.pictures import Damage
from tests.chaos.recovery import Recovery, out_of_bounds
from tests.chaos.stops import Stop, broken_stops
from tests.chaos.strikes import Strike
from tests.chaos.weather import Weather


@dataclass(kw_only=True)
class Outcome:
    """What came, what was drawn, how workers ended.

    drained_s: how long it took afterwards to draw what was left. broken: what failed and should not have.
    """

    weather: Weather
    strikes: list[Strike] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    submissions: int = 0
    refusals: dict[int, int] = field(default_factory=dict)
    deserters: list[int] = field(default_factory=list)
    refused_starts: list[int] = field(default_factory=list)
    exit_codes: list[int] = field(default_factory=list)
    stormed_s: float = 0.0
    drained_s: float | None = None
    reckoning: Reckoning | None = None
    exports: int = 0
    exports_killed: int = 0
    export_codes: dict[int, int] = field(default_factory=dict)
    data_set: list[str] = field(default_factory=list)
    learnt: Learnt | None = None
    onlooker: Onlooker | None = None
    damage: Damage | None = None
    broken: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """Count what was ended by kill -9."""
        return sum(strike.is_kill for strike in self.strikes)

    @property
    def repeats(self) -> list[Repeat]:
        """List what was drawn to the end again."""
        return repeats(self.drawings, self.strikes, self.phases)


def violations(outcome: Outcome) -> list[str]:
    """Say what was promised and not kept; nothing when all was."""
    found = [] if outcome.reckoning is None else list(outcome.reckoning.violations)
    found += outcome.broken
    if outcome.drained_s is None:
        found.insert(
            0, f"the queue was not drained {outcome.weather.drain_s:.0f} s after the storm"
        )
    found += drawn_too_often(outcome.repeats)
    found += out_of_bounds(outcome.recoveries, outcome.strikes, outcome.weather.bounds)
    found += broken_stops(outcome.stops, outcome.drawings, outcome.strikes)
    found += [f"the data set: {text}" for text in outcome.data_set]
    found += outcome.learnt.violations if outcome.learnt else []
    found += outcome.onlooker.faults if outcome.onlooker else []
    if outcome.deserters:
        codes = outcome.deserters[:10]
        found.append(f"{len(outcome.deserters)} workers ended by themselves, with {codes}")
    if any(outcome.exit_codes):
        found.append(f"workers that were told to stop ended with {outcome.exit_codes}")
    return found


def drawn_too_often(again: Sequence[Repeat]) -> list[str]:
    """Say which images were drawn to the end twice without a good reason: in a calm phase, or in no strike's hand."""
    found = []
    if calm := [repeat for repeat in again if repeat.calm]:
        found.append(
            f"{len(calm)} images were drawn to the end twice in a calm phase: {_shown(calm)}"
        )
    if idle := [repeat for repeat in again if not (repeat.calm or repeat.cause)]:
        found.append(
            f"{len(idle)} images were drawn to the end twice though no trouble hit them: {_shown(idle)}"
        )
    return found


def _shown(again: Sequence[Repeat]) -> str:
    shown = [
        f"recipe {repeat.image[0]} seed {repeat.image[1]}, again after {repeat.at - repeat.first_at:.1f} s"
        for repeat in again[:5]
    ]
    return "; ".join(shown) + ("; ..." if len(again) > 5 else "")
