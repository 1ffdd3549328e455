"""A storm's report as text: what struck, how soon work went on, and whether the promise was kept."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from statistics import median

from tests.chaos.ledger_view import Image
from tests.chaos.outcome import Outcome, violations
from tests.chaos.recovery import describe_recoveries
from tests.chaos.stops import describe_stops
from tests.chaos.strikes import Strike


def describe(outcome: Outcome) -> str:
    """Write the report."""
    weather, found = outcome.weather, outcome.reckoning
    assert found is not None
    hosts = f" on {weather.hosts} hosts" if weather.hosts > 1 else ""
    refused = ", ".join(f"{count} x {code}" for code, count in sorted(outcome.refusals.items()))
    stopped = ", ".join(f"{count} x {code}" for code, count in sorted(outcome.export_codes.items()))
    lines = [
        f"Storm of {outcome.stormed_s:.0f} s with seed {weather.seed} over {weather.workers} workers{hosts}: "
        f"{outcome.kills} kills, {len(outcome.strikes) - outcome.kills} other troubles.",
        "",
        *_table(outcome),
        "",
        *describe_recoveries(outcome.recoveries, outcome.strikes),
        *describe_stops(outcome.stops, outcome.drawings, outcome.strikes),
        _drawn_twice(outcome),
        f"{outcome.submissions} submissions went through"
        + (f"; others ended with {refused} and were repeated." if refused else "."),
        f"{outcome.exports} exports went through, {outcome.exports_killed} were killed"
        + (f"; others ended with {stopped}." if stopped else "."),
        f"Asked for {found.asked} images; the ledger has {found.rows}. "
        f"Drained {_seconds(outcome.drained_s)} after the storm.",
        f"{found.begun_again} attempts came to nothing, "
        f"at most {found.most_attempts - 1} of one image.",
        *([outcome.learnt.describe()] if outcome.learnt else ()),
        *([outcome.onlooker.describe()] if outcome.onlooker else ()),
        *([outcome.damage.describe()] if outcome.damage else ()),
        f"{found.swept} temporary files were swept; "
        f"{found.spare_copies} spare copies of images that two batches share.",
        f"{len(outcome.refused_starts)} workers could not begin, said why, and were started again.",
        f"sdq verify: {found.audit}",
        *(f"Skipped: {reason}." for reason in outcome.skipped),
        "",
    ]
    broken = violations(outcome)
    lines += [f"VIOLATION: {text}" for text in broken]
    if not broken:
        lines.append("Nothing lost, nothing twice.")
    return "\n".join(lines)


def _table(outcome: Outcome) -> list[str]:
    """Write one line for each kind of trouble."""
    lines = [
        f"{'trouble':31}{'times':>6}{'next image after':>19}{'slice taken up':>19}"
        f"{'image in hand after':>21}{'drawn':>7}",
        f"{'':37}" + f"{'median':>11}{'max':>8}" * 2 + f"{'median':>13}{'max':>8}{'twice':>7}",
    ]
    finished = [drawing.at for drawing in outcome.drawings]
    by_image: dict[Image, list[float]] = {}
    for drawing in outcome.drawings:
        by_image.setdefault(drawing.image, []).append(drawing.at)
    again = outcome.repeats
    for name in dict.fromkeys(strike.name for strike in outcome.strikes):
        strikes = [strike for strike in outcome.strikes if strike.name == name]
        next_image = _spread(_next_image_s(strike, finished) for strike in strikes)
        taken = _spread(one.seconds for one in outcome.recoveries if one.kind == name)
        in_hand = _spread(_in_hand_s(strikes, by_image))
        twice = sum(repeat.cause is not None and repeat.cause.name == name for repeat in again)
        lines.append(f"{name:31}{len(strikes):6}{next_image}{taken}  {in_hand}{twice:7}")
    return lines


def _drawn_twice(outcome: Outcome) -> str:
    again = outcome.repeats
    calm = sum(repeat.calm for repeat in again)
    struck = sum(repeat.cause is not None and not repeat.calm for repeat in again)
    calm_s = sum(phase.ends - phase.begins for phase in outcome.phases)
    return (
        f"{len(again)} images were drawn to the end twice: {struck} that were in hand when trouble came, "
        f"{len(again) - struck - calm} otherwise, and {calm} in {len(outcome.phases)} calm phases "
        f"({calm_s:.0f} s)."
    )


def _next_image_s(strike: Strike, finished: list[float]) -> float | None:
    place = bisect_right(finished, strike.at)
    return finished[place] - strike.at if place < len(finished) else None


def _in_hand_s(strikes: Iterable[Strike], by_image: dict[Image, list[float]]) -> Iterable[float]:
    for strike in strikes:
        for image in strike.in_hand:
            later = [at for at in by_image.get(image, []) if at >= strike.at]
            if later:
                yield later[0] - strike.at


def _spread(values: Iterable[float | None]) -> str:
    seconds = [value for value in values if value is not None]
    if not seconds:
        return f"{'-':>11}{'-':>8}"
    return f"{median(seconds):9.1f} s{max(seconds):6.1f} s"


def _seconds(value: float | None) -> str:
    return "not at all" if value is None else f"{value:.0f} s"
