"""Calm phases: at intervals no trouble comes, all are healed, and no image may be drawn twice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(kw_only=True)
class Phase:
    """From when nothing was in hand that a trouble had touched, until when troubles came again; monotonic, s."""

    begins: float
    ends: float


class Calm:
    """When it is calm: at the end of every interval, and when the storm is over. reigns: it is, just now."""

    def __init__(self, started: float, *, every_s: float, for_s: float, settles_s: float) -> None:
        self.phases: list[Phase] = []
        self._started = started
        self._every_s = every_s
        self._for_s = for_s
        self._settles_s = settles_s
        self.reigns = False

    def is_due(self, moment: float) -> bool:
        """Whether it has to be calm at a moment."""
        return (moment - self._started) % self._every_s >= self._every_s - self._for_s

    def begin(self, moment: float) -> None:
        """Note that everything is healed and nothing more will come."""
        self.phases.append(Phase(begins=moment + self._settles_s, ends=moment + self._settles_s))
        self.reigns = True

    def end(self, moment: float) -> None:
        """Note that the next trouble may come."""
        phase = self.phases[-1]
        phase.ends = max(phase.begins, moment)
        self.reigns = False
