"""Which workers elsewhere died: their heartbeats have not changed for a while by this machine's monotonic clock.

No wall clock takes part: those of two machines differ, and are set while the workers run.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from worker.claims.rq_worker import HEARTBEAT_EVERY_S

#: Three heartbeats missed: with a look every five seconds, a death is noticed within 25 s.
SILENT_FOR_S = 15.0

#: An observer that has not looked for this long was suspended itself, or had no Redis; so, perhaps, were the others.
_AWAY_S = 2 * HEARTBEAT_EVERY_S


class Silence:
    """Counts how long each worker has been silent while somebody was listening."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._silent_s: dict[str, float] = {}
        self._listened_at = time.monotonic()

    def listen(self, heartbeats: Mapping[str, int]) -> None:
        """Take in the current heartbeats, worker -> number."""
        now = time.monotonic()
        passed_s = now - self._listened_at
        away = passed_s > _AWAY_S
        self._silent_s = {
            worker: 0.0
            if away or self._numbers.get(worker) != number
            else self._silent_s[worker] + passed_s
            for worker, number in heartbeats.items()
        }
        self._numbers = dict(heartbeats)
        self._listened_at = now

    def forget(self, worker: str) -> None:
        """Forget a worker until its next heartbeat."""
        self._silent_s.pop(worker, None)
        self._numbers.pop(worker, None)

    def dead(self) -> dict[str, int]:
        """Return the workers that have been silent for too long, with the number of their last heartbeat."""
        return {
            worker: self._numbers[worker]
            for worker, silent_s in self._silent_s.items()
            if silent_s >= SILENT_FOR_S
        }
