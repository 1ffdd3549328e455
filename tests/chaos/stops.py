"""Stops in order: a worker that is asked to end saves its image in hand and exits with 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.chaos.drawings import Drawing
from tests.chaos.ledger_view import Image
from tests.chaos.strikes import Strike

#: A worker that ends within the same tick has its last line read a moment later.
_LOG_S = 1.0


@dataclass(kw_only=True)
class Stop:
    """One worker that was asked to end. Times are of the storm's monotonic clock.

    in_hand: its images that were begun and not finished just before. exit_code: None while it has not ended; killed:
    something else ended it first.
    """

    signal: str
    berth: int
    at: float
    in_hand: frozenset[Image]
    ended_at: float | None = None
    exit_code: int | None = None
    killed: bool = False


def broken_stops(
    stops: Sequence[Stop], found: Sequence[Drawing], strikes: Sequence[Strike]
) -> list[str]:
    """Say which stops were not in order."""
    told = [
        f"a worker that got {stop.signal} ended with {stop.exit_code} instead of 0"
        for stop in stops
        if stop.exit_code and not stop.killed
    ]
    unsaved = [stop for stop in _undisturbed(stops, strikes) if not _saved(stop, found)]
    if unsaved:
        names = ", ".join(sorted({stop.signal for stop in unsaved}))
        told.append(f"{len(unsaved)} workers ended by {names} did not save their image in hand")
    return told


def describe_stops(
    stops: Sequence[Stop], found: Sequence[Drawing], strikes: Sequence[Strike]
) -> list[str]:
    """Write how many stops there were and how long they took."""
    ended = [stop.ended_at - stop.at for stop in stops if stop.ended_at and not stop.killed]
    if not ended:
        return []
    undisturbed = _undisturbed(stops, strikes)
    saved = sum(_saved(stop, found) for stop in undisturbed)
    return [
        f"{len(ended)} workers that were asked to end did so after {median(ended):.1f} s in the median, "
        f"{max(ended):.1f} s at most; of {len(undisturbed)} that nothing else hit meanwhile, "
        f"{saved} saved their image in hand."
    ]


def _undisturbed(stops: Sequence[Stop], strikes: Sequence[Strike]) -> list[Stop]:
    return [
        stop
        for stop in stops
        if stop.ended_at is not None
        and not stop.killed
        # Its own strike came a moment before it was asked.
        and not any(strike.overlaps(stop.at, stop.ended_at) for strike in strikes)
    ]


def _saved(stop: Stop, found: Sequence[Drawing]) -> bool:
    assert stop.ended_at is not None
    return any(
        drawing.berth == stop.berth
        and drawing.image in stop.in_hand
        and stop.at <= drawing.at <= stop.ended_at + _LOG_S
        for drawing in found
    )
