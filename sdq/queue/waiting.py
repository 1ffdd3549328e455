"""Waiting for a batch: how it goes, and why it does not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sdq.queue.status import Status, public
from sdq_core.errors import InputMissingError, SdqError

if TYPE_CHECKING:
    from sdq.queue.connections import Connections

log = logging.getLogger("sdq")

_POLL_S = 0.5
#: If nothing has changed for so long, why not is looked at; and again after as long.
_STILL_S = 5.0


class Waiting:
    """One wait for one batch."""

    def __init__(
        self,
        connections: Connections,
        batch_id: int,
        name: str,
        on_progress: Callable[[Status], object] | None,
    ) -> None:
        self._connections = connections
        self._batch_id = batch_id
        self._name = name
        self._on_progress = on_progress
        self._latest: Status | None = None
        self._trouble: SdqError | None = None
        self._told: Sequence[str] = ()

    def wait(self, timeout_s: float | None) -> Status:
        """Return the status once the batch is over; raise TimeoutError if it is not by then."""
        began = still_since = time.monotonic()
        while True:
            changed = self._look()
            if self._latest is not None and self._latest.is_over and self._trouble is None:
                return self._latest
            now = time.monotonic()
            left_s = _POLL_S if timeout_s is None else began + timeout_s - now
            if left_s <= 0:
                raise TimeoutError(self._too_late(timeout_s or 0.0))
            if changed:
                still_since = now
            elif now - still_since > _STILL_S:
                still_since = now
                self._tell(self._hindrances())
            time.sleep(min(_POLL_S, left_s))

    def _look(self) -> bool:
        """Read how the batch stands; return whether that has changed. What heals by itself is waited for."""
        try:
            ledger = self._connections.existing_ledger()
            status = ledger.batches.find(self._batch_id) if ledger else None
        except SdqError as error:
            if not error.retryable:
                raise
            self._trouble = error
            return False
        if status is None:
            raise InputMissingError(f"Batch {self._name!r} was removed while it was waited for.")
        self._trouble = None
        former, self._latest = self._latest, public(status)
        changed = former is None or _counts(former) != _counts(self._latest)
        if changed and self._on_progress is not None:
            self._on_progress(self._latest)
        return changed

    def _hindrances(self) -> Sequence[str]:
        """Return a sentence for each reason why nothing is drawn, as far as this machine can see."""
        from sdq.views.waiting import why_waiting
        from sdq_core.models import ModelStore

        if self._trouble is not None:
            return [str(self._trouble)]
        settings = self._connections.settings
        try:
            ledger = self._connections.existing_ledger()
            status = ledger.batches.find(self._batch_id) if ledger else None
            if ledger is None or status is None:
                return ()
            found = why_waiting(settings, ModelStore(settings.models), ledger, status)
            paused = ledger.batches.open_variants(self._batch_id)
        except SdqError as error:
            if not error.retryable:
                raise
            return [str(error)]
        said = [_sentence(reason.removeprefix("waiting: ")) for reason in found]
        said += [
            f"{variant} is paused ({reason}). Run `sdq resume --variant-key {variant.key}`."
            for variant, reason in paused.items()
            if reason is not None
        ]
        return said

    def _tell(self, hindrances: Sequence[str]) -> None:
        """Log what hinders the batch, each time it is something else."""
        if hindrances and hindrances != self._told:
            log.warning("Batch %s waits. %s", self._name, " ".join(hindrances))
        self._told = hindrances

    def _too_late(self, timeout_s: float) -> str:
        from sdq.views.words import duration

        counts = f"{self._latest}." if self._latest else ""
        said = f"Batch {self._name!r} is not over after {duration(timeout_s)}: {counts}"
        return " ".join([said, *self._hindrances()]).strip()


def _counts(status: Status) -> tuple[object, ...]:
    return status.state, status.total, status.completed, status.failed


def _sentence(clause: str) -> str:
    return clause[:1].upper() + clause[1:]
