"""Takes over from workers that died: their slices go back to the front of their queues."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from typing import Any

from db.ledger import Ledger
from sdq_core.errors import SdqError
from sdq_core.values.machine import boot
from worker.claims.claims import Claims
from worker.claims.presence import Presence

log = logging.getLogger(__name__)


class Recovery:
    """One worker's look at the others."""

    def __init__(self, *, claims: Claims, presence: Presence, ledger: Ledger) -> None:
        self._claims = claims
        self._presence = presence
        self._ledger = ledger
        self._found = False

    def look(self) -> None:
        """Take over from the workers that died here, and from those elsewhere that have been silent for too long."""
        # The files and the heartbeats are still there at the next look.
        with contextlib.suppress(SdqError):
            dead = self._presence.dead()
            for departed in dead:
                self._take_over(departed.worker, departed.about, several=len(dead) > 1)
            for worker, heartbeat in self._claims.silent().items():
                self._take_over(worker, self._presence.about(worker), heartbeat=heartbeat)

    def found_slices(self) -> bool:
        """Whether slices were taken over since the previous call."""
        found, self._found = self._found, False
        return found

    def _take_over(
        self,
        worker: str,
        about: Mapping[str, Any],
        *,
        several: bool = False,
        heartbeat: int | None = None,
    ) -> None:
        slices = self._claims.release(worker, heartbeat=heartbeat)
        if slices is None:
            return
        if slices:
            self._found = True
            log.warning("Took over %d slice(s) of %s, which died.", len(slices), worker)
        # An image that its worker died with counts an attempt, for it may be the cause. It is not where more than the
        # worker died: a power cut, or somebody who killed everything.
        if several or (about and not self._died_alone(about)):
            self._ledger.work.forgive_worker(worker)
        self._presence.forget(worker)

    def _died_alone(self, about: Mapping[str, Any]) -> bool:
        return about.get("boot") == boot() and about.get("redis") in {"", self._claims.server}
