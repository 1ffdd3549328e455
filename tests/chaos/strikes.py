"""Strikes: the troubles that came, each with what it interrupted."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.chaos.journal import Journal
from tests.chaos.ledger_view import Image

#: When a worker draws again whose engine a compute unit has ended, if nothing shows it.
_AGAIN_S = 30.0


@dataclass(kw_only=True)
class Strike:
    """One trouble that came.

    at, healed_at: seconds of the storm's monotonic clock; healed_at is None while it lasts, and `at` if it does not
    last. in_hand: the images that were begun and not finished when it came, and when it ended. wide: it hits more than
    one process, so that nobody can be held to a time meanwhile. emptied: the host that it left without workers.
    """

    name: str
    at: float
    is_kill: bool
    wide: bool
    emptied: str | None = None
    healed_at: float | None = None
    in_hand: set[Image] = field(default_factory=set)

    def overlaps(self, begin: float, end: float) -> bool:
        """Whether it came or lasted between two moments."""
        return self.at <= end and (self.healed_at is None or self.healed_at >= begin)


def strikes_by_units(journal: Journal) -> list[Strike]:
    """Return the failures of compute units, each until its worker has drawn again."""
    found = []
    for failed in journal.units_failed:
        again = (
            drawn.at
            for drawn in journal.drawn
            if drawn.berth == failed.berth and drawn.at > failed.at
        )
        healed_at = min(again, default=failed.at + _AGAIN_S)
        found.append(
            Strike(name="unit failed", at=failed.at, healed_at=healed_at, is_kill=False, wide=False)
        )
    return found
