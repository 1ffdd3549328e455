"""The queues in Redis: one RQ queue per ledger and variant, one job per slice, all of it rebuildable from the ledger.

A job is in one of two places: waiting in its queue's list, or claimed by a worker (`sdq_core.queue.claims`).

Names contain the ledger's id, so that several ledgers can share one Redis. Payloads are JSON and name one function,
which no worker of ours ever imports: a hostile Redis can waste time, not run code.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import redis
from rq import Queue
from rq.defaults import RQ_KEY_PREFIX
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker_registration import REDIS_WORKER_KEYS

from sdq_core.errors import TryAgainError
from sdq_core.queue.claims import ClaimTable
from sdq_core.queue.job_hashes import SliceJobs

#: The only function that a job names. A stock RQ worker that calls it gets a clear refusal.
DRAW_SLICE = f"{__name__}.draw_slice"

#: The function that jobs of sdq 0.1 name; some may still be in a Redis.
FORMER_DRAW_SLICE = "sdq.queues.draw_slice"


def draw_slice(slice_id: int) -> None:
    """Refuse to run: slices are drawn by `sdq worker`, which never calls this."""
    raise RuntimeError(f"Slice {slice_id} must be drawn by `sdq worker`, not by a stock RQ worker.")


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """The ids of the slices that Redis holds, by where they are.

    waiting: in a queue.
    claimed: with a worker; slice id -> the worker's name.
    abandoned: left in RQ's own places by a stock worker, or by a worker of sdq 0.1 that died.
    """

    waiting: frozenset[int]
    claimed: Mapping[int, str]
    abandoned: frozenset[int]

    def in_hand(self) -> frozenset[int]:
        """Return all slices that will be drawn without further help."""
        return self.waiting.union(self.claimed)


class Queues:
    """One ledger's queues."""

    def __init__(self, connection: redis.Redis, ledger_id: str) -> None:
        self.connection = connection
        self._prefix = f"sdq-{ledger_id}-"
        self.claims = ClaimTable(connection, self._prefix)
        self.jobs = SliceJobs(
            function=DRAW_SLICE,
            id_prefix=self._prefix,
            result_ttl_s=60,
            failure_ttl_s=7 * 24 * 3600,
        )

    def queue(self, variant_key: str) -> Queue:
        """Return a variant's RQ queue."""
        return Queue(
            self._prefix + variant_key,
            connection=self.connection,
            serializer=JSONSerializer,
            default_timeout=-1,
        )

    def job_id(self, slice_id: int) -> str:
        """Name a slice's job."""
        return f"{self._prefix}{slice_id}"

    def slice_id(self, job_id: str) -> int | None:
        """Return the slice that a job id names, None for a foreign one."""
        number = job_id.removeprefix(self._prefix)
        # At most as many digits as a database's integer: anything longer is not ours, and int() would take very long.
        named = job_id.startswith(self._prefix) and re.fullmatch("[1-9][0-9]{0,17}", number)
        return int(number) if named else None

    def enqueue(self, variant_key: str, slice_ids: Iterable[int], *, at_front: bool = False) -> int:
        """Queue slices of one variant; return how many."""
        # Each push at the front goes before the previous one.
        ids = list(slice_ids)[::-1] if at_front else slice_ids
        return self.jobs.enqueue(self.queue(variant_key), ids, at_front=at_front)

    def waiting(self) -> dict[str, int]:
        """Count the waiting slices of each variant key that has any."""
        keys = self._variant_keys()
        with self.connection.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.llen(self.queue(key).key)
            return {
                key: count for key, count in zip(keys, pipeline.execute(), strict=True) if count
            }

    def holdings(self) -> Holdings:
        """Look into every place where a slice can be."""
        waiting: set[int] = set()
        begun: set[int] = set()
        # Before the queues and after: a slice that is taken or put back in between is then not missed.
        claimed = self.claims.workers()
        for key in self._variant_keys():
            queue = self.queue(key)
            with self.connection.pipeline() as pipeline:
                pipeline.lrange(queue.key, 0, -1)
                pipeline.lrange(queue.intermediate_queue_key, 0, -1)
                pipeline.zrange(queue.started_job_registry.key, 0, -1)
                queued, intermediate, started = pipeline.execute()
            waiting.update(self._slice_ids(queued))
            begun.update(self._slice_ids(intermediate))
            begun.update(self._slice_ids(entry.split(b":", 1)[0] for entry in started))
        claimed.update(self.claims.workers())
        return Holdings(
            waiting=frozenset(waiting),
            claimed=claimed,
            abandoned=frozenset(begun - waiting - claimed.keys()),
        )

    def forget(self, slice_ids: Iterable[int]) -> None:
        """Remove what is left of these slices in RQ's intermediate lists and started registries."""
        job_ids = {self.job_id(slice_id) for slice_id in slice_ids}
        for key in self._variant_keys() if job_ids else ():
            queue = self.queue(key)
            started: Any = self.connection.zrange(queue.started_job_registry.key, 0, -1)
            with self.connection.pipeline() as pipeline:
                for entry in started:
                    if entry.decode(errors="replace").split(":", 1)[0] in job_ids:
                        pipeline.zrem(queue.started_job_registry.key, entry)
                for job_id in job_ids:
                    pipeline.lrem(queue.intermediate_queue_key, 0, job_id)
                pipeline.execute()

    def sweep_workers(self) -> None:
        """Remove the names of workers that ended without signing off from RQ's list, as RQ's own tools do."""
        members: Iterable[Any] = self.connection.smembers(REDIS_WORKER_KEYS)
        keys = sorted(members)
        with self.connection.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.exists(key)
            dead = [key for key, here in zip(keys, pipeline.execute(), strict=True) if not here]
        if dead:
            self.connection.srem(REDIS_WORKER_KEYS, *dead)

    def withdraw(self, slice_ids: Iterable[int]) -> None:
        """Remove slices that nobody has started from their queues."""
        with self.connection.pipeline(transaction=False) as pipeline:
            for key in self._variant_keys():
                queue = self.queue(key)
                for slice_id in slice_ids:
                    # From the front, where the oldest are, so that a waiting one is found at once.
                    pipeline.lrem(queue.key, 1, self.job_id(slice_id))
                    pipeline.delete(Job.key_for(self.job_id(slice_id)))
            pipeline.execute()

    @contextlib.contextmanager
    def dispatch_lock(self, *, ttl_s: float = 10.0, wait_s: float = 0.0) -> Iterator[None]:
        """Let one process at a time compare ledger and queues; the lock expires soon after its owner dies.

        It only saves work: what two processes queue at once is claimed once. So it need not outlast a long submission.

        Raise TryAgainError if another process still holds it after wait_s.
        """
        lock = self.connection.lock(
            f"sdq:{self._prefix}dispatch", timeout=ttl_s, sleep=0.05, blocking_timeout=wait_s
        )
        if not lock.acquire():
            raise TryAgainError("Another process is queueing slices at the moment; try again.")
        try:
            yield
        finally:
            # It has expired, or Redis is unreachable and it will: either way the work is done.
            with contextlib.suppress(redis.exceptions.RedisError):
                lock.release()

    def _variant_keys(self) -> list[str]:
        prefix = f"{RQ_KEY_PREFIX}:queue:{self._prefix}"
        members: Iterable[Any] = self.connection.smembers(Queue.redis_queues_keys)
        # Foreign names may be any bytes.
        names = (name.decode(errors="replace") for name in members)
        return sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))

    def _slice_ids(self, job_ids: Iterable[bytes]) -> list[int]:
        found = (self.slice_id(job_id.decode(errors="replace")) for job_id in job_ids)
        return [slice_id for slice_id in found if slice_id is not None]
