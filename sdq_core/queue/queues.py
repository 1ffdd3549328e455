"""The queues in Redis: one RQ queue per ledger and variant, one job per slice, all of it rebuildable from the ledger.

A job is in exactly one of three places: waiting in its queue's list, popped into the intermediate list for the few
milliseconds before it is claimed, or running in the started registry, where the worker's heartbeats move its expiry on.
An expired entry there is a slice whose worker died.

Names contain the ledger's id, so that several ledgers can share one Redis. Payloads are JSON and name one function,
which no worker of ours ever imports: a hostile Redis can waste time, not run code.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import redis
from rq import Queue
from rq.defaults import RQ_KEY_PREFIX
from rq.job import Job
from rq.serializers import JSONSerializer

from sdq_core.errors import TryAgainError
from sdq_core.queue.job_hashes import SliceJobs

#: The only function that a job names. A stock RQ worker that calls it gets a clear refusal.
DRAW_SLICE = f"{__name__}.draw_slice"

#: The function that jobs of sdq 0.1 name; some may still be in a Redis.
FORMER_DRAW_SLICE = "sdq.queues.draw_slice"

#: A worker that has sent no heartbeat for this long has lost its slice.
HEARTBEAT_TTL_S = 20

#: How long a job may stay popped but unclaimed; normally milliseconds.
_CLAIM_GRACE_S = 10


def draw_slice(slice_id: int) -> None:
    """Refuse to run: slices are drawn by `sdq worker`, which never calls this."""
    raise RuntimeError(f"Slice {slice_id} must be drawn by `sdq worker`, not by a stock RQ worker.")


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """The ids of the slices that Redis holds, by where they are.

    waiting: in a queue.
    running: claimed by a worker whose heartbeat is fresh.
    claimed_lately: popped a moment ago and not claimed yet.
    abandoned: a worker died with them.
    """

    waiting: frozenset[int]
    running: frozenset[int]
    claimed_lately: frozenset[int]
    abandoned: frozenset[int]

    def in_hand(self) -> frozenset[int]:
        """Return all slices that will be drawn without further help."""
        return self.waiting | self.running | self.claimed_lately


class Queues:
    """One ledger's queues."""

    def __init__(self, connection: redis.Redis, ledger_id: str) -> None:
        self.connection = connection
        self._prefix = f"sdq-{ledger_id}-"
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
        """Look into every place where a slice can be, and remember which jobs are popped but unclaimed."""
        waiting: set[int] = set()
        running: set[int] = set()
        popped: dict[int, Queue] = {}
        abandoned: set[int] = set()
        now = time.time()
        for key in self._variant_keys():
            queue = self.queue(key)
            with self.connection.pipeline() as pipeline:
                pipeline.lrange(queue.key, 0, -1)
                pipeline.lrange(queue.intermediate_queue_key, 0, -1)
                pipeline.zrange(queue.started_job_registry.key, 0, -1, withscores=True)
                queued, intermediate, started = pipeline.execute()
            waiting.update(self._slice_ids(queued))
            for slice_id in self._slice_ids(intermediate):
                popped[slice_id] = queue
            for execution, expiry in started:
                for slice_id in self._slice_ids([execution.split(b":", 1)[0]]):
                    (running if expiry > now else abandoned).add(slice_id)
        claimed_lately = {
            slice_id
            for slice_id, queue in popped.items()
            if slice_id not in running and not self._claim_overdue(queue, slice_id)
        }
        return Holdings(
            waiting=frozenset(waiting),
            running=frozenset(running),
            claimed_lately=frozenset(claimed_lately),
            abandoned=frozenset((abandoned | popped.keys()) - running - claimed_lately - waiting),
        )

    def forget(self, slice_ids: Iterable[int], *, before: float) -> None:
        """Remove what a dead worker left of these slices: expired started entries, popped but unclaimed ids, and jobs.

        before: removes entries that expired before this time, in seconds since the epoch.
        """
        with self.connection.pipeline() as pipeline:
            for key in self._variant_keys():
                queue = self.queue(key)
                pipeline.zremrangebyscore(queue.started_job_registry.key, "-inf", f"({before}")
                for slice_id in slice_ids:
                    job_id = self.job_id(slice_id)
                    pipeline.lrem(queue.intermediate_queue_key, 0, job_id)
                    pipeline.delete(queue.intermediate_queue.get_first_seen_key(job_id))
                    pipeline.delete(Job.key_for(job_id))
            pipeline.execute()

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

        It only saves work: what two processes queue at once is still drawn once. So it need not outlast a long
        submission.

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

    def _claim_overdue(self, queue: Queue, slice_id: int) -> bool:
        intermediate: Any = queue.intermediate_queue
        job_id = self.job_id(slice_id)
        if intermediate.set_first_seen(job_id):
            return False
        first_seen = intermediate.get_first_seen(job_id)
        return bool(first_seen and time.time() - first_seen.timestamp() > _CLAIM_GRACE_S)
