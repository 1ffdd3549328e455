"""Claims: the slices that this worker has, kept alive in Redis by its heartbeats.

This differs from RQ's own workers where those would lose jobs or run foreign code: a slice is taken from its queue and
claimed in one step (a stock worker on several queues pops with BLPOP and loses jobs to a kill), heartbeats continue
during a job, nothing forks, and nothing that a job names is ever called. RQ's records of executions are kept for its
tools; what counts is `sdq_core.queue.claims`.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Container
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from rq import Queue
from rq.executions import Execution
from rq.job import Job
from rq.worker.base import WorkerStatus

from sdq_core.errors import SdqError, ServiceUnavailableError
from sdq_core.queue.claims import Taken
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.queues import Queues
from worker.claims.arrivals import read_job, refuse
from worker.claims.presence import Presence
from worker.claims.rq_worker import HEARTBEAT_TTL_S, RqWorker
from worker.claims.silence import Silence

log = logging.getLogger(__name__)


class Outcome(Enum):
    """How a claim on a slice ended."""

    FINISHED = auto()
    HANDED_BACK = auto()
    UNWANTED = auto()


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A slice's job while this worker has it.

    entry: the claim as Redis has it.
    queue, execution: its queue, and RQ's record of its execution.
    """

    slice_id: int
    entry: str
    job: Job
    queue: Queue
    execution: Execution


class Claims:
    """One worker's claims. Methods raise ServiceUnavailableError without Redis unless they document otherwise."""

    def __init__(self, queues: Queues, lock_files: Path, *, shared: bool) -> None:
        """Claim nothing yet. Raise ServiceUnavailableError without Redis.

        lock_files: the folder of the living workers' lock files.
        shared: whether workers of other data folders use the same Redis.
        """
        self._queues = queues
        self._shared = shared
        with redis_errors():  # RQ asks Redis who is connected
            self._rq = RqWorker(queues.connection)
        self.presence = Presence(lock_files, self.worker)
        self.server = ""  # the id of the running Redis
        self._silence = Silence()
        self._heartbeats = 0
        self._workers = 1
        self._held: dict[int, Claim] = {}  # by slice
        self._lost: set[int] = set()
        self._late: list[tuple[Claim, Outcome]] = []  # ended while Redis was unreachable
        self._unreachable = False

    @property
    def worker(self) -> str:
        """The worker's name in RQ and in the ledger."""
        return str(self._rq.name)

    @property
    def workers(self) -> int:
        """How many workers the ledger has, by their heartbeats."""
        return max(1, self._workers)

    @property
    def held(self) -> frozenset[int]:
        """The ids of the slices that are claimed now."""
        return frozenset(self._held)

    def holds(self, slice_id: int) -> bool:
        """Whether a slice is still this worker's: not if it looked dead for a while and another has taken over."""
        return slice_id in self._held and slice_id not in self._lost

    def is_claimed(self, slice_id: int) -> bool:
        """Whether this worker or another has a slice; also if Redis cannot be asked."""
        if self.holds(slice_id):
            return True
        try:
            with redis_errors():
                return self._queues.claims.is_claimed(slice_id)
        except ServiceUnavailableError:
            return True

    def sign_on(self) -> None:
        """Enter RQ's list of workers."""
        self.presence.begin()
        self._enter()
        with redis_errors():
            self._rq.set_state(WorkerStatus.STARTED)

    def sign_off(self) -> None:
        """End the remaining claims and leave RQ's list; without Redis, the lock file tells others about the end."""
        with contextlib.suppress(SdqError):
            self.end_late()
            with redis_errors():
                self._queues.claims.sign_off(self.worker)
                self._rq.register_death()  # type: ignore[no-untyped-call]
            self.presence.end()

    def show_idle(self) -> None:
        """Let RQ's tools show that this worker is idle."""
        with redis_errors():
            if self._rq.get_state() != WorkerStatus.IDLE:
                self._rq.set_state(WorkerStatus.IDLE)

    def keep_alive(self) -> bool:
        """Send a heartbeat; return whether it arrived.

        Drawing continues while Redis is unreachable, and that is logged once.
        """
        self._heartbeats += 1
        entries = {slice_id: claim.entry for slice_id, claim in self._held.items()}
        try:
            with redis_errors():
                pulse = self._queues.claims.beat(self.worker, self._heartbeats, entries)
            if self._unreachable or not pulse.is_listed:  # it may be another Redis, or an empty one
                self._enter()
            with redis_errors():
                for claim in self._held.values():
                    self._show(claim)
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
            self.presence.begin()  # again, if the disk was full
            self.presence.note(redis=self.server)
            self._workers = len(pulse.heartbeats)
            self._silence.listen(pulse.heartbeats)
            for slice_id in pulse.lost - self._lost:
                log.warning(
                    "Another worker took over slice %d while this one was silent. Leaving it to that one.",
                    slice_id,
                )
            self._lost.update(pulse.lost)
        return not self._unreachable

    def silent(self) -> dict[str, int]:
        """Return the other workers that have been silent for too long, with the number of their last heartbeat."""
        dead = self._silence.dead()
        dead.pop(self.worker, None)
        return dead

    def release(self, worker: str, *, heartbeat: int | None = None) -> list[int] | None:
        """Put a dead worker's slices back; return them, or None if it sent a heartbeat after this one."""
        with redis_errors():
            released = self._queues.claims.release(worker, heartbeat=heartbeat)
        self._silence.forget(worker)
        return released

    def living(self) -> set[str] | None:
        """Return the workers that nobody has found dead; None while Redis cannot tell."""
        try:
            if self.may_have_lost_some():
                return None
            with redis_errors():
                return self._queues.claims.known_workers()
        except ServiceUnavailableError:
            return None

    def may_have_lost_some(self) -> bool:
        """Whether Redis may have forgotten the claims of others, which they restore at their next heartbeat."""
        if not self._shared and self.presence.is_alone():
            return False
        with redis_errors():
            return self._queues.claims.may_have_lost_some()

    def take(self, key: str, *, until: float) -> Claim | None:
        """Claim the next slice of the queue with that key; None if the queue is empty.

        Skips jobs that are not ours or not to be drawn. until: the time of the monotonic clock at which to stop
        skipping and return None.
        """
        queue = self._queues.queue(key)
        with redis_errors():
            while taken := self._queues.claims.take(queue, key, self.worker):
                claim = self._claimed(queue, f"{key} {self.worker}", taken)
                if claim is not None or time.monotonic() >= until:
                    return claim
        return None

    def end(self, slice_id: int, outcome: Outcome) -> None:
        """End a claim; if Redis is unreachable, `end_late` does so later. Raises nothing."""
        claim = self._held.pop(slice_id)
        self._lost.discard(slice_id)
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

    def _claimed(self, queue: Queue, entry: str, taken: Taken) -> Claim | None:
        """Return the claim that was made; None if the job is not ours, which refuses it, or is here already."""
        slice_id = taken.slice_id
        if slice_id in self._held:
            return None
        job = read_job(self._queues, queue, slice_id) if slice_id is not None else None
        if job is None or slice_id is None:
            log.error(
                "Refused job %r in queue %s: it was not queued by sdq. Check what else writes to this Redis.",
                taken.raw_id[:100].decode(errors="backslashreplace"),
                queue.name,
            )
            refuse(self._queues, queue, taken.raw_id)
            if slice_id is not None:
                with self._rq.connection.pipeline() as pipeline:
                    self._queues.claims.end(pipeline, slice_id, entry, put_back=False)
                    pipeline.execute()
            self._rq.failed_job_count += 1
            return None
        execution = self._rq.prepare_execution(job)
        self._rq.prepare_job_execution(job)
        claim = Claim(slice_id=slice_id, entry=entry, job=job, queue=queue, execution=execution)
        self._held[slice_id] = claim
        return claim

    def _enter(self) -> None:
        """Enter RQ's list, and note which Redis it is."""
        with redis_errors():
            # After an interruption of Redis the name is there already; it is this worker's own.
            if not self._rq.connection.exists(self._rq.key):
                self._rq.register_birth()  # type: ignore[no-untyped-call]
            info: Any = self._rq.connection.info("server")
        self.server = str(info.get("run_id", ""))
        self.presence.note(redis=self.server)

    def _show(self, claim: Claim) -> None:
        """Let RQ's tools see that a job is running, also after Redis forgot it."""
        self._rq.maintain_heartbeats(claim.job, claim.execution)
        with self._rq.connection.pipeline() as pipeline:
            claim.job.started_job_registry.add_execution(
                claim.execution, pipeline=pipeline, ttl=HEARTBEAT_TTL_S
            )
            pipeline.execute()

    def _end(self, claim: Claim, outcome: Outcome) -> None:
        """End a claim in one transaction; reconciling repairs what does not reach Redis."""
        back = outcome is Outcome.HANDED_BACK
        with redis_errors(), self._rq.connection.pipeline() as pipeline:
            self._rq.cleanup_execution(claim.job, pipeline=pipeline, execution=claim.execution)
            self._queues.claims.end(pipeline, claim.slice_id, claim.entry, put_back=back)
            if not back:
                self._rq.increment_successful_job_count(pipeline)
            pipeline.execute()
