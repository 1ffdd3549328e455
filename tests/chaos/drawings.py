"""Drawings: every time that an image was drawn to the end, and which of them were once too often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.calm import Phase
from tests.chaos.journal import Drawn
from tests.chaos.ledger_view import Image
from tests.chaos.strikes import Strike

#: An image may be begun between a look at the ledger and the blow that follows.
_LOOK_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """An image that was drawn to the end. at: s of the storm's monotonic clock; berth: whose worker drew it."""

    image: Image
    at: float
    berth: int


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """An image that was drawn to the end again.

    cause: the last trouble that it was in hand of, None if there is none. calm: both times were in one calm phase.
    """

    image: Image
    first_at: float
    at: float
    cause: Strike | None
    calm: bool


def drawings(drawn: Sequence[Drawn], entries: Mapping[tuple[str, int], int]) -> list[Drawing]:
    """Give the drawings in the order of time. entries: the recipe's id of each (batch name, entry)."""
    found = [
        Drawing(image=(entries[line.batch, line.entry], line.seed), at=line.at, berth=line.berth)
        for line in drawn
    ]
    return sorted(found, key=lambda drawing: drawing.at)


def repeats(
    found: Sequence[Drawing], strikes: Sequence[Strike], phases: Sequence[Phase]
) -> list[Repeat]:
    """List every drawing of an image that had been drawn before; two batches may share an image."""
    last: dict[Image, float] = {}
    again = []
    for drawing in found:
        first_at = last.get(drawing.image)
        last[drawing.image] = drawing.at
        if first_at is None:
            continue
        causes = [
            strike for strike in strikes
            if drawing.image in strike.in_hand and strike.at <= drawing.at + _LOOK_S
        ]  # fmt: skip
        calm = any(phase.begins <= first_at <= drawing.at <= phase.ends for phase in phases)
        repeat = Repeat(
            image=drawing.image,
            first_at=first_at,
            at=drawing.at,
            cause=causes[-1] if causes else None,
            calm=calm,
        )
        again.append(repeat)
    return again
