"""A storm's report as text: what struck, how soon work went on, and whether the promise was kept."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from statistics import median

from tests.chaos.storm import Outcome, Strike


def violations(outcome: Outcome) -> list[str]:
    """Say what was promised and not kept; nothing when all was."""
    found = [] if outcome.reckoning is None else list(outcome.reckoning.violations)
    if outcome.drained_s is None:
        found.insert(
            0, f"the queue was not drained {outcome.weather.drain_s:.0f} s after the storm"
        )
    if outcome.deserters:
        codes = outcome.deserters[:10]
        found.append(f"{len(outcome.deserters)} workers ended by themselves, with {codes}")
    if any(outcome.exit_codes):
        found.append(f"workers that were told to stop ended with {outcome.exit_codes}")
    return found


def describe(outcome: Outcome) -> str:
    """Write the report."""
    weather, found = outcome.weather, outcome.reckoning
    assert found is not None
    lines = [
        f"Storm of {outcome.stormed_s:.0f} s with seed {weather.seed} over {weather.workers} workers: "
        f"{outcome.kills} kills, {len(outcome.strikes) - outcome.kills} other troubles.",
        "",
        f"{'trouble':32}{'times':>6}{'next image after':>20}{'image in hand after':>22}",
        f"{'':38}{'median':>11}{'max':>9}{'median':>13}{'max':>9}",
    ]
    finished = sorted(found.finished_at.values())
    for name in dict.fromkeys(strike.name for strike in outcome.strikes):
        strikes = [strike for strike in outcome.strikes if strike.name == name]
        next_image = _spread(_next_image_s(strike, finished) for strike in strikes)
        in_hand = _spread(
            seconds for strike in strikes for seconds in _in_hand_s(strike, found.finished_at)
        )
        lines.append(f"{name:32}{len(strikes):6}{next_image}{in_hand}")
    refused = ", ".join(f"{count} x {code}" for code, count in sorted(outcome.refusals.items()))
    lines += [
        "",
        f"{outcome.submissions} submissions went through"
        + (f"; others ended with {refused} and were repeated." if refused else "."),
        f"Asked for {found.asked} images; the ledger has {found.rows}. "
        f"Drained {_seconds(outcome.drained_s)} after the storm.",
        f"{found.begun_again} attempts came to nothing, "
        f"at most {found.most_attempts - 1} of one image; "
        f"{found.saved_twice} images were drawn to the end twice.",
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


def _next_image_s(strike: Strike, finished: list[float]) -> float | None:
    place = bisect_right(finished, strike.at)
    return finished[place] - strike.at if place < len(finished) else None


def _in_hand_s(strike: Strike, finished_at: dict[tuple[int, int], float]) -> Iterable[float]:
    for image in strike.in_hand:
        # Finished before the strike was noted: it was not hit.
        if (at := finished_at.get(image)) is not None and at >= strike.at:
            yield at - strike.at


def _spread(values: Iterable[float | None]) -> str:
    seconds = [value for value in values if value is not None]
    if not seconds:
        return f"{'-':>11}{'-':>10}"
    return f"{median(seconds):9.1f} s{max(seconds):8.1f} s"


def _seconds(value: float | None) -> str:
    return "not at all" if value is None else f"{value:.0f} s"
