"""Strikes: the troubles that came, each with what it interrupted."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.chaos.ledger_view import Image


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
