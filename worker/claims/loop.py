"""The worker: an RQ worker that takes slices from one queue at a time and draws them itself.

To RQ's tools it looks like any worker (`rq info`, rq-dashboard). It differs where RQ would lose work or run strangers':
it takes from one queue at a time with LMOVE (a stock worker on several queues pops with BLPOP and loses jobs to a
kill), sends heartbeats during a job, survives a Redis that goes away, never forks, and never calls what a job names.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Container, Iterator
from datetime import UTC, datetime
from functools import partial
from types import FrameType

from rq import Queue
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.utils import now
from rq.worker import SimpleWorker
from rq.worker.base import WorkerStatus

from db.dispatch import reconcile
from db.ledger import Ledger
from sdq_core.errors import SdqError, ServiceUnavailableError, TryAgainError
from sdq_core.queue.queues import HEARTBEAT_TTL_S, Queues, redis_errors
from sdq_core.values.variants import AnyVariant, RecipeVariant, Variant
from worker.choosing.repertoire import Repertoire
from worker.choosing.unusable import LOOK_AGAIN_AFTER_S, VariantUnusable
from worker.claims.arrivals import Arrival, drop, pop, refuse
from worker.claims.claim import Claim
from worker.drawing.drawing import Drawing, Studio
from worker.drawing.open_slice import OpenSlice, Outcome
from worker.drawing.patience import GaveUp, Patience

log = logging.getLogger(__name__)

_HEARTBEAT_EVERY_S = 5.0
_IDLE_S = 0.25
_TROUBLE_S = 5.0
_RECONCILE_IDLE_S = 5.0
_RECONCILE_BUSY_S = 60.0

#: How long a variant that is not in memory may wait while the one that is has work.
_PATIENCE_WITH_OTHERS_S = 300.0


class StopNow(BaseException):
    """The second signal: leave at once."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class SliceWorker(SimpleWorker):
    """Drains the queues of one ledger."""

    def __init__(
        self,
        *,
        queues: Queues,
        ledger: Ledger,
        reach_redis: Callable[[], object],
        make_studio: Callable[[str, Patience, Callable[[], None], Callable[[], bool]], Studio],
        repertoire: Repertoire,
        unusable: dict[str, SdqError],
        abandoned: Callable[[], bool] = lambda: False,
    ) -> None:
        """Take part in a ledger's work.

        reach_redis: make Redis answer again if it can be made to (the embedded one is started), or raise
        ServiceUnavailableError. make_studio: from the worker's name, its patience, heartbeat and stop flag. repertoire:
        what it draws. unusable: gets the variant keys that cannot be drawn here, with the reason. abandoned: says that
        whoever started this worker is gone, which stops it as the first signal does.
        """
        host = socket.gethostname().split(".")[0]
        super().__init__(
            [],
            name=f"{host}-{os.getpid()}-{secrets.token_hex(3)}",
            connection=queues.connection,
            serializer=JSONSerializer,
            worker_ttl=HEARTBEAT_TTL_S,
            job_monitoring_interval=int(_HEARTBEAT_EVERY_S),
        )
        self.sdq_queues = queues
        self._ledger = ledger
        self._reach_redis = reach_redis
        self._stop_signal: int | None = None
        self._claims: dict[int, Claim] = {}  # by slice
        self._look_again = 0.0
        self._to_release: list[Callable[[], None]] = []
        self._next_beat = 0.0
        self._next_reconcile = 0.0
        self._deaf = False
        self._last_variant_key: str | None = None
        self._waiting_since: dict[str, float] = {}
        self._repertoire = repertoire
        self._abandoned = abandoned
        self._unusable = unusable
        self._usable_again: dict[str, float] = {}
        self._told: dict[RecipeVariant, str] = {}
        self._patience = Patience(stopping=self.stopping, beat=self.beat)
        self._studio = make_studio(self.name, self._patience, self.beat, self.stopping)

    def stopping(self) -> bool:
        """Say whether the worker was told to end."""
        if self._stop_signal is None and self._abandoned():
            self._on_signal(signal.SIGTERM, None)
        return self._stop_signal is not None

    def work_until(self, finished: Callable[[], bool]) -> None:
        """Draw until told to stop, or until nothing is waiting and `finished` says so.

        The first SIGINT or SIGTERM lets the image in hand be finished and saved; the second raises StopNow.
        """
        with self._signals():
            try:
                self._patience.until_done(self._begin)
                while not self.stopping():
                    if not self._patience.until_done(self._work_once) and finished():
                        return
            except GaveUp:
                return
            finally:
                self._studio.pool.close()
                with contextlib.suppress(ServiceUnavailableError), redis_errors():
                    self._release_late()
                    self.register_death()  # type: ignore[no-untyped-call]

    def beat(self) -> None:
        """Keep the claims alive, every few seconds; a Redis that is away is no reason to stop drawing."""
        if time.monotonic() < self._next_beat:
            return
        self._next_beat = time.monotonic() + _HEARTBEAT_EVERY_S
        try:
            with redis_errors():
                for claim in self._claims.values():
                    self.maintain_heartbeats(claim.job, claim.execution)
                    self._restore(claim)
                if not self._claims:
                    self.heartbeat(HEARTBEAT_TTL_S)
        except ServiceUnavailableError as error:
            if not self._deaf:
                log.warning("%s. Drawing goes on.", str(error).rstrip("."))
            self._deaf = True
            with contextlib.suppress(SdqError):
                self._reach_redis()
        else:
            self._deaf = False

    def _restore(self, claim: Claim) -> None:
        """Tell a Redis that came back without its file that a slice is in hand, or others would draw it as well."""
        with self.connection.pipeline() as pipeline:
            claim.job.started_job_registry.add_execution(
                claim.execution, pipeline=pipeline, ttl=HEARTBEAT_TTL_S
            )
            pipeline.execute()

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:  # noqa: ARG002
        """Let a claim end soon after its worker did."""
        return HEARTBEAT_TTL_S

    def _begin(self) -> None:
        self._reach_redis()
        with redis_errors():
            # Begun again after Redis went away in the middle, the name is there already; nobody else has it.
            if not self.connection.exists(self.key):
                self.register_birth()  # type: ignore[no-untyped-call]
            self.set_state(WorkerStatus.STARTED)

    def _work_once(self) -> bool:
        """Take a slice, draw it and those behind it in its queue; return False when there was none."""
        self._tend()
        with redis_errors():
            taken = self._take(self._next_variant_key(self.sdq_queues.waiting()))
        if taken is None:
            self._idle()
            return False
        claim = self._claimed(*taken)
        if claim is not None:
            self._draw(claim)
        return True

    def _tend(self) -> None:
        """Do what is due now and then between slices."""
        self.beat()
        self._release_late()
        if time.monotonic() >= self._next_reconcile:
            self._next_beat = 0.0  # what this worker holds is not to look lost to itself
            self.beat()
            self._reconcile()

    def _idle(self) -> None:
        if self.get_state() != WorkerStatus.IDLE:
            with redis_errors():
                self.set_state(WorkerStatus.IDLE)
        self._next_reconcile = min(self._next_reconcile, time.monotonic() + _RECONCILE_IDLE_S)
        self._patience.pause(_IDLE_S)

    def _reconcile(self) -> None:
        self._next_reconcile = time.monotonic() + _RECONCILE_BUSY_S
        with contextlib.suppress(TryAgainError):
            found = reconcile(self._ledger, self.sdq_queues)
            if found.resumed:
                log.warning("Took over %d slice(s) of a worker that died.", found.resumed)

    def _take(self, key: str | None) -> tuple[Arrival, Queue] | None:
        if key is None:
            return None
        queue = self.sdq_queues.queue(key)
        arrival = pop(self.sdq_queues, queue)
        if arrival is None:
            return None
        self._last_variant_key = key
        self._waiting_since.pop(key, None)
        return arrival, queue

    def _claimed(self, arrival: Arrival, queue: Queue) -> Claim | None:
        """Claim what was taken; None when it is not ours, and refused, or claimed already."""
        job, slice_id = arrival.job, arrival.slice_id
        if arrival.leftover or slice_id in self._claims:  # it was queued twice
            with redis_errors():
                drop(queue, arrival)
            return None
        if job is None or slice_id is None:
            self._refuse(arrival, queue)
            return None
        with redis_errors():
            execution = self.prepare_execution(job)
            self.prepare_job_execution(job, remove_from_intermediate_queue=True)
        claim = Claim(job, queue, execution, slice_id)
        self._claims[slice_id] = claim
        return claim

    def _next_variant_key(self, waiting: dict[str, int]) -> str | None:
        """Prefer the variant in memory; leave it when its queue is empty or another has waited too long.

        What only that variant can draw comes before what any can: others may help with the latter.
        """
        moment = time.monotonic()
        for key in [key for key, at in self._usable_again.items() if at <= moment]:
            del self._usable_again[key], self._unusable[key]
        usable = self._repertoire.wanted([key for key in waiting if key not in self._unusable])
        self._waiting_since = {key: self._waiting_since.get(key, moment) for key in usable}
        if not usable:
            return None
        longest = min(usable, key=lambda key: self._waiting_since[key])
        if moment - self._waiting_since[longest] > _PATIENCE_WITH_OTHERS_S:
            return longest
        pinned = self._studio.pool.pinned()
        at_hand = [key for key, wanted in usable.items() if self._repertoire.holds(wanted, pinned)]
        own = [key for key in at_hand if not isinstance(usable[key], AnyVariant)]
        for keys in (own, at_hand):
            if keys:
                return self._last_variant_key if self._last_variant_key in keys else keys[0]
        return longest

    def _refuse(self, arrival: Arrival, queue: Queue) -> None:
        log.error("Refused job %s in queue %s: it is not one of sdq's.", arrival, queue.name)
        with redis_errors():
            refuse(self.sdq_queues, queue, arrival)
        self.failed_job_count += 1

    def _draw(self, claim: Claim) -> None:
        key = claim.queue.name.rsplit("-", 1)[-1]
        try:
            slice_ = self._opened(claim)
            if slice_ is None:
                self._end(claim, Outcome.UNWANTED)
                return
            variant = self._repertoire.variant_for(slice_.recipe, self._studio.pool.pinned())
            more = partial(self._more, key, variant)
            Drawing(self._studio, variant, close=self._close, more=more).run(slice_)
        except VariantUnusable as unusable:
            self._note_unusable(key, unusable)
        finally:
            self._hand_back()

    def _opened(self, claim: Claim) -> OpenSlice | None:
        """Give what is left of a claimed slice; None when nobody wants it any more."""
        slice_ = self._ledger.work.load_slice(claim.slice_id)
        if slice_ is None or not slice_.wanted:
            return None
        since = max(slice_.created_at, claim.job.enqueued_at or slice_.created_at)
        waited = datetime.now(UTC) - since
        return OpenSlice.of(
            self._ledger, slice_, queue_wait_ms=max(0.0, waited.total_seconds() * 1000)
        )

    def _more(self, key: str, variant: Variant) -> OpenSlice | None:
        """Take another slice for an engine that draws, if it is of the queue that comes next anyway.

        Whatever is in the way is left to `_work_once`, when all that was taken is drawn.
        """
        if time.monotonic() < self._look_again:
            return None
        held = set(self._claims)
        try:
            found = self._found(key, variant)
        except (SdqError, VariantUnusable):
            self._hand_back(held)
            self._look_again = time.monotonic() + _TROUBLE_S
            return None
        if found is None:
            self._hand_back(held)
            self._look_again = time.monotonic() + _IDLE_S
        return found

    def _found(self, key: str, variant: Variant) -> OpenSlice | None:
        # Passing over what nobody wants may take long, and the engine is to be listened to.
        until = time.monotonic() + _IDLE_S
        while time.monotonic() < until and not self.stopping():
            self._tend()
            with redis_errors():
                if self._next_variant_key(self.sdq_queues.waiting()) != key:
                    return None
                taken = self._take(key)
            if taken is None:
                return None
            claim = self._claimed(*taken)
            if claim is None:
                continue
            slice_ = self._opened(claim)
            if slice_ is None:
                self._end(claim, Outcome.UNWANTED)
                continue
            fits = self._repertoire.variant_for(slice_.recipe, [variant]) == variant
            return slice_ if fits else None
        return None

    def _close(self, slice_: OpenSlice, outcome: Outcome) -> None:
        """Note in the ledger and in Redis what became of a slice."""
        try:
            if outcome is Outcome.FINISHED:
                self._patience.until_done(lambda: self._ledger.work.finish_slice(slice_.piece.id))
        finally:
            self._end(self._claims[slice_.piece.id], outcome)

    def _hand_back(self, but: Container[int] = ()) -> None:
        """End the claims that nothing came of; the first is the queue's first again."""
        for slice_id, claim in reversed(self._claims.copy().items()):
            if slice_id not in but:
                self._end(claim, Outcome.HANDED_BACK)

    def _end(self, claim: Claim, outcome: Outcome) -> None:
        del self._claims[claim.slice_id]
        release = partial(self._release, claim, outcome)
        try:
            with redis_errors():
                release()
        except ServiceUnavailableError:
            # What is to be drawn again comes back by reconciling; what is done must not lie about until then.
            if outcome is not Outcome.HANDED_BACK:
                self._to_release.append(release)

    def _note_unusable(self, key: str, unusable: VariantUnusable) -> None:
        """Leave a variant's queue alone; of any variant only once no other does: the next attempt says so."""
        told = self._told.get(unusable.variant)
        if told != str(unusable.cause):
            self._told[unusable.variant] = str(unusable.cause)
            log.error("%s cannot be drawn here: %s", unusable.variant, unusable.cause)
        if unusable.variant.key != key:
            self._repertoire.failed(unusable)
            return
        self._unusable[key] = unusable.cause
        if unusable.heals:
            self._usable_again[key] = time.monotonic() + LOOK_AGAIN_AFTER_S

    def _release(self, claim: Claim, outcome: Outcome) -> None:
        """End the claim in one transaction; what is not reached is healed by reconciling."""
        job = claim.job
        job.ended_at = now()
        with self.connection.pipeline() as pipeline:
            self.cleanup_execution(job, pipeline=pipeline, execution=claim.execution)
            if outcome is Outcome.HANDED_BACK:
                job.set_status(JobStatus.QUEUED, pipeline=pipeline)
                claim.queue.push_job_id(job.id, pipeline=pipeline, at_front=True)
            else:
                pipeline.delete(job.key)
                self.increment_successful_job_count(pipeline)
            pipeline.execute()

    def _release_late(self) -> None:
        """End the claims that Redis did not hear of when it was away."""
        while self._to_release:
            with redis_errors():
                self._to_release[-1]()
            self._to_release.pop()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        before = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, signum: int, _frame: FrameType | None) -> None:
        if self._stop_signal is not None:
            raise StopNow(signum)
        self._stop_signal = signum
        log.warning(
            "Stopping when the image in hand is saved; the rest stays queued. Once more to stop at once."
        )
