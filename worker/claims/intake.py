"""Takes the next slice: chooses its queue, claims it, and reads from the ledger what is left of it."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from rq.suspension import is_suspended

from db.dispatch import reconcile
from db.ledger import Ledger
from sdq_core.errors import SdqError, TryAgainError
from sdq_core.queue.connection import patience
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.order import Line, Waiting
from sdq_core.queue.queues import Queues
from sdq_core.values.order import Rank
from sdq_core.values.variants import Variant
from worker.choosing.repertoire import Repertoire
from worker.choosing.unusable import VariantUnusable
from worker.claims.claims import Claim, Claims, Outcome
from worker.claims.open_slice import OpenSlice
from worker.claims.recovery import Recovery
from worker.claims.shift import Shift

log = logging.getLogger(__name__)

_RECONCILE_IDLE_S = 5.0
_RECONCILE_BUSY_S = 60.0

#: How long to skip unwanted slices at a time: the engine's events must not wait for long.
_LOOK_FOR_S = 0.25

#: How many waiting slices to leave for each worker before taking some ahead.
_LEFT_FOR_EACH = 4

#: How long to wait before looking again for slices behind the current one.
_LOOK_AGAIN_S = 0.25
_LOOK_AHEAD_AGAIN_S = 1.0
_AFTER_TROUBLE_S = 5.0

#: How often to look for something more urgent than what is being drawn.
_LOOK_FOR_URGENT_S = 1.0


class Intake:
    """The slices of one worker, from their queues until they are closed."""

    def __init__(
        self,
        *,
        queues: Queues,
        claims: Claims,
        ledger: Ledger,
        repertoire: Repertoire,
        recovery: Recovery,
        shift: Shift,
        batch_id: int | None = None,
    ) -> None:
        """Take from a ledger's queues. batch_id: the only batch to take from, whatever else waits; None for all."""
        self._queues = queues
        self._claims = claims
        self._ledger = ledger
        self._repertoire = repertoire
        self._recovery = recovery
        self._shift = shift
        self._batch_id = batch_id
        self._rank = Rank()  # of the slice that was taken last
        self._next_reconcile = 0.0
        self._reconciled_at = float("-inf")
        self._look_again = 0.0
        self._look_ahead_again = 0.0
        self._look_for_urgent = 0.0
        self._suspended = False  # by `rq suspend`

    def first(self, pinned: Sequence[Variant]) -> OpenSlice | None:
        """Take a slice from the next queue; None if there is nothing to draw here.

        pinned: the variants in memory, the most recently used first. On an error nothing stays claimed.
        """
        try:
            while not self._shift.stopping:
                self._tend()
                queue = self._repertoire.next_queue(self._look().waiting, pinned)
                if queue is None:
                    return None
                if found := self._take_wanted(queue, pinned):
                    return found
        except BaseException:
            self._claims.hand_back()
            raise
        return None

    def take(self, pinned: Sequence[Variant]) -> OpenSlice | None:
        """Take another slice for the engine that is drawing, if what comes next anyway is for that engine.

        pinned: the variants in memory, the one that is drawing first.

        Errors are left to the next call of `first`, when everything taken is drawn.
        """
        if time.monotonic() < self._look_again or self._shift.stopping:
            return None
        found = self._take_another(pinned)
        if found is None:
            self._look_again = max(self._look_again, time.monotonic() + _LOOK_AGAIN_S)
        return found

    def take_ahead(self, pinned: Sequence[Variant]) -> OpenSlice | None:
        """Take another slice, as `take` does, if so many wait that no other worker will lack it."""
        if time.monotonic() < max(self._look_again, self._look_ahead_again) or self._shift.stopping:
            return None
        found = self._take_another(pinned, ahead=True)
        if found is None:
            self._look_ahead_again = time.monotonic() + _LOOK_AHEAD_AGAIN_S
        return found

    def take_over(self, pinned: Sequence[Variant]) -> OpenSlice | None:
        """Take a slice of a worker that was just found dead, if the engine that is drawing can draw it."""
        if not self._recovery.found_slices():
            return None
        self._look_again = 0.0
        return self.take(pinned)

    def is_outranked(self, open_slice: OpenSlice) -> bool:
        """Whether something that this worker can draw is more urgent than a slice it has; looks once a second."""
        if time.monotonic() < self._look_for_urgent or self._shift.stopping:
            return False
        self._look_for_urgent = time.monotonic() + _LOOK_FOR_URGENT_S
        try:
            line = self._look()
            rank = line.rank_of(open_slice.slice_.batch_id)
            return self._repertoire.is_outranked(rank, line.waiting)
        except SdqError:
            self._look_for_urgent = time.monotonic() + _AFTER_TROUBLE_S
            return False

    def holds(self, open_slice: OpenSlice) -> bool:
        """Whether a slice is still this worker's."""
        return self._claims.holds(open_slice.id)

    def is_claimed(self, slice_id: int) -> bool:
        """Whether any worker has a slice."""
        return self._claims.is_claimed(slice_id)

    def close(self, open_slice: OpenSlice, outcome: Outcome) -> None:
        """Record in the ledger and in Redis how a slice ended."""
        try:
            if outcome is Outcome.FINISHED:
                self._shift.until_done(lambda: self._ledger.work.finish_slice(open_slice.id))
        finally:
            self._claims.end(open_slice.id, outcome)

    def hand_back(self) -> None:
        """Put the slices that were taken and not closed back into their queues."""
        self._claims.hand_back()

    def reconcile_soon(self) -> None:
        """Reconcile within seconds: an idle worker is the first to notice a dead worker's slices."""
        self._next_reconcile = min(self._next_reconcile, time.monotonic() + _RECONCILE_IDLE_S)

    def _take_another(self, pinned: Sequence[Variant], *, ahead: bool = False) -> OpenSlice | None:
        """Take a slice behind those that are claimed. ahead: leave enough to others."""
        held = self._claims.held
        try:
            found = self._take_behind(pinned, ahead=ahead)
        except (SdqError, VariantUnusable):
            self._look_again = time.monotonic() + _AFTER_TROUBLE_S
            found = None
        if found is None:
            self._claims.hand_back(but=held)
        return found

    def _take_behind(self, pinned: Sequence[Variant], *, ahead: bool) -> OpenSlice | None:
        self._tend()
        waiting = self._look().waiting
        queue = self._repertoire.next_queue(waiting, pinned)
        if queue is None or not self._repertoire.holds(queue, pinned[:1]):
            return None
        if ahead and queue.rank > self._rank:
            self._look_for_urgent = 0.0  # it does not belong behind the others
            return None
        alike = (
            other.slices
            for other in waiting
            if (other.variant_key, other.rank) == (queue.variant_key, queue.rank)
        )
        if ahead and sum(alike) <= _LEFT_FOR_EACH * self._claims.workers:
            return None
        found = self._take_wanted(queue, pinned)
        if found is None or self._repertoire.variant_for(found.recipe, pinned[:1]) != pinned[0]:
            return None
        return found

    def _look(self) -> Line:
        """Return what waits; nothing while `rq suspend` holds all workers back."""
        with redis_errors():
            line = self._queues.order.look(batch_id=self._batch_id)
            suspended = bool(line.waiting and is_suspended(self._queues.connection))
        if line.waiting and suspended != self._suspended:
            self._suspended = suspended
            log.warning(
                "Suspended by `rq suspend`. Waiting for `rq resume`."
                if suspended
                else "No longer suspended; continuing."
            )
        return Line() if suspended else line

    def _take_wanted(self, queue: Waiting, pinned: Sequence[Variant]) -> OpenSlice | None:
        """Claim the queue's first slice that is still wanted; end those that are not."""
        until = time.monotonic() + _LOOK_FOR_S
        while claim := self._claims.take(queue.key, until=until):
            self._repertoire.taken(queue, pinned)
            opened = self._opened(claim)
            if opened is not None:
                # A turn that is not counted is no reason to give the slice back.
                with contextlib.suppress(SdqError), redis_errors():
                    self._queues.order.charge(queue.key, len(opened.pending))
                self._rank = queue.rank
                return opened
            self._claims.end(claim.slice_id, Outcome.UNWANTED)
            if time.monotonic() >= self._reconciled_at + _RECONCILE_IDLE_S:
                # Its batch was cancelled or paused: reconciling removes what else waits of it.
                self._next_reconcile = 0.0
                break
            if time.monotonic() >= until:
                break
            self._shift.beat()
        return None

    def _opened(self, claim: Claim) -> OpenSlice | None:
        """Read what is left of a claimed slice; None if it is no longer wanted."""
        slice_ = self._ledger.work.load_slice(claim.slice_id)
        if slice_ is None or not slice_.wanted:
            return None
        since = max(slice_.created_at, claim.job.enqueued_at or slice_.created_at)
        waited = datetime.now(UTC) - since
        return OpenSlice.of(
            self._ledger, slice_, queue_wait_ms=max(0.0, waited.total_seconds() * 1000)
        )

    def _tend(self) -> None:
        """Do what is due between slices: heartbeats, late ends, reconciling."""
        self._shift.beat()
        self._claims.end_late()
        if time.monotonic() < self._next_reconcile:
            return
        self._shift.beat(now=True)
        if self._claims.may_have_lost_some():
            self._next_reconcile = time.monotonic() + _RECONCILE_IDLE_S
            return
        self._reconciled_at = time.monotonic()
        self._next_reconcile = self._reconciled_at + _RECONCILE_BUSY_S
        with contextlib.suppress(TryAgainError), patience(self._queues.connection):
            reconcile(self._ledger, self._queues)
        with redis_errors():
            self._queues.sweep_workers()
