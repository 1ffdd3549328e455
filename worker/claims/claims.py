"""Claims: the slices that this worker has, kept alive in Redis by its heartbeats.

A slice moves from its queue to the intermediate list (`worker.claims.arrivals`), and from there into the started
registry with the worker's name: that is the claim. It ends in one transaction. This differs from RQ's own workers where
those would lose jobs or run foreign code: a slice is taken from one queue at a time with LMOVE (a stock worker on
several queues pops with BLPOP and loses jobs to a kill), heartbeats continue during a job, nothing forks, and nothing
that a job names is ever called.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Container
from dataclasses import dataclass
from enum import Enum, auto

from rq import Queue
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.utils import now
from rq.worker.base import WorkerStatus

from sdq_core.errors import ServiceUnavailableError
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.queues import HEARTBEAT_TTL_S, Queues
from worker.claims.arrivals import Arrival, drop, pop, refuse
from worker.claims.rq_worker import RqWorker

log = logging.getLogger(__name__)


class Outcome(Enum):
    """How a claim on a slice ended."""

    FINISHED = auto()
    HANDED_BACK = auto()
    UNWANTED = auto()


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A slice's job while this worker has it, with its queue and RQ's record of its execution."""

    slice_id: int
    job: Job
    queue: Queue
    execution: Execution


class Claims:
    """One worker's claims. Methods raise ServiceUnavailableError without Redis unless they document otherwise."""

    def __init__(self, queues: Queues) -> None:
        """Claim nothing yet."""
        self._queues = queues
        self._rq = RqWorker(queues.connection)
        self._held: dict[int, Claim] = {}  # by slice
        self._late: list[tuple[Claim, Outcome]] = []  # ended while Redis was unreachable
        self._unreachable = False

    @property
    def worker(self) -> str:
        """The worker's name in RQ and in the ledger."""
        return str(self._rq.name)

    @property
    def held(self) -> frozenset[int]:
        """The ids of the slices that are claimed now."""
        return frozenset(self._held)

    def sign_on(self) -> None:
        """Enter RQ's list of workers."""
        with redis_errors():
            # After an interruption of Redis the name is there already; it is this worker's own.
            if not self._rq.connection.exists(self._rq.key):
                self._rq.register_birth()  # type: ignore[no-untyped-call]
            self._rq.set_state(WorkerStatus.STARTED)

    def sign_off(self) -> None:
        """End the remaining claims and leave RQ's list; without Redis the entry expires by itself."""
        with contextlib.suppress(ServiceUnavailableError):
            self.end_late()
            with redis_errors():
                self._rq.register_death()  # type: ignore[no-untyped-call]

    def show_idle(self) -> None:
        """Let RQ's tools show that this worker is idle."""
        with redis_errors():
            if self._rq.get_state() != WorkerStatus.IDLE:
                self._rq.set_state(WorkerStatus.IDLE)

    def keep_alive(self) -> bool:
        """Send a heartbeat for every claim, or for the worker; return whether all arrived.

        Drawing continues while Redis is unreachable, and that is logged once.
        """
        try:
            with redis_errors():
                for claim in self._held.values():
                    self._rq.maintain_heartbeats(claim.job, claim.execution)
                    self._restore(claim)
                if not self._held:
                    self._rq.heartbeat(HEARTBEAT_TTL_S)
        except ServiceUnavailableError as error:
            if not self._unreachable:
                log.warning("%s Drawing continues.", error)
            self._unreachable = True
            # A server that refuses all may be that of a drive which was unplugged: look for the folder's own again.
            self._rq.connection.connection_pool.disconnect(inuse_connections=False)
        else:
            self._unreachable = False
        return not self._unreachable

    def take(self, variant_key: str, *, until: float) -> Claim | None:
        """Claim the next slice of a variant's queue; None if the queue is empty.

        Skips jobs that are not ours or not to be drawn. until: the time of the monotonic clock at which to stop
        skipping and return None.
        """
        queue = self._queues.queue(variant_key)
        with redis_errors():
            while (arrival := pop(self._queues, queue)) is not None:
                claim = self._claimed(arrival, queue)
                if claim is not None or time.monotonic() >= until:
                    return claim
        return None

    def end(self, slice_id: int, outcome: Outcome) -> None:
        """End a claim; if Redis is unreachable, `end_late` does so later. Raises nothing."""
        claim = self._held.pop(slice_id)
        try:
            self._end(claim, outcome)
        except ServiceUnavailableError:
            # Reconciling queues what is to be drawn again, but a finished slice must not stay listed until then.
            if outcome is not Outcome.HANDED_BACK:
                self._late.append((claim, outcome))

    def hand_back(self, *, but: Container[int] = ()) -> None:
        """Put all claimed slices except `but` back at the front of their queues, in their old order."""
        for slice_id in reversed(list(self._held)):
            if slice_id not in but:
                self.end(slice_id, Outcome.HANDED_BACK)

    def end_late(self) -> None:
        """End the claims that could not be ended while Redis was unreachable."""
        while self._late:
            self._end(*self._late[-1])
            self._late.pop()

    def _claimed(self, arrival: Arrival, queue: Queue) -> Claim | None:
        """Claim a job; None if it is not ours, which refuses it, or was queued twice."""
        job, slice_id = arrival.job, arrival.slice_id
        if arrival.leftover or slice_id in self._held:
            drop(queue, arrival)
            return None
        if job is None or slice_id is None:
            log.error(
                "Refused job %s in queue %s: it was not queued by sdq. Check what else writes to this Redis.",
                arrival,
                queue.name,
            )
            refuse(self._queues, queue, arrival)
            self._rq.failed_job_count += 1
            return None
        execution = self._rq.prepare_execution(job)
        self._rq.prepare_job_execution(job, remove_from_intermediate_queue=True)
        claim = Claim(slice_id=slice_id, job=job, queue=queue, execution=execution)
        self._held[slice_id] = claim
        return claim

    def _restore(self, claim: Claim) -> None:
        """Register a claim again: after a Redis lost its data, other workers would draw the slice too."""
        with self._rq.connection.pipeline() as pipeline:
            claim.job.started_job_registry.add_execution(
                claim.execution, pipeline=pipeline, ttl=HEARTBEAT_TTL_S
            )
            pipeline.execute()

    def _end(self, claim: Claim, outcome: Outcome) -> None:
        """End a claim in one transaction; reconciling repairs what does not reach Redis."""
        job = claim.job
        job.ended_at = now()
        with redis_errors(), self._rq.connection.pipeline() as pipeline:
            self._rq.cleanup_execution(job, pipeline=pipeline, execution=claim.execution)
            if outcome is Outcome.HANDED_BACK:
                job.set_status(JobStatus.QUEUED, pipeline=pipeline)
                claim.queue.push_job_id(job.id, pipeline=pipeline, at_front=True)
            else:
                pipeline.delete(job.key)
                self._rq.increment_successful_job_count(pipeline)
            pipeline.execute()
