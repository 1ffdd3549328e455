"""The queues in Redis: one RQ queue per ledger, variant and batch, one job per slice, all rebuildable from the ledger.

A job is in one of two places: waiting in its queue's list, or claimed by a worker (`sdq_core.queue.claims`).

Names contain the ledger's id, so that several ledgers can share one Redis. Payloads are JSON and name one function,
which no worker of ours ever imports: a hostile Redis can waste time, not run code.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import redis
from rq import Queue
from rq.defaults import RQ_KEY_PREFIX
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker_registration import REDIS_WORKER_KEYS

from sdq_core.errors import TryAgainError
from sdq_core.queue.claims import ClaimTable
from sdq_core.queue.in_hand import ImagesInHand
from sdq_core.queue.job_hashes import SliceJobs
from sdq_core.queue.order import Order, Waiting, parts_of
from sdq_core.queue.previews import Previews
from sdq_core.queue.slice_ids import SliceIds

#: The only function that a job names. A stock RQ worker that calls it gets a clear refusal.
DRAW_SLICE = f"{__name__}.draw_slice"

#: Ids read in one step: one reply in memory.
_AT_ONCE = 5000

# KEYS: a queue. ARGV: prefix, first and last position from the end, and what to write there instead of each id of ours
# that has no job. Returns how many ids it looked at, and how many it replaced.
_MARK = f"""
local ids, marked = redis.call('lrange', KEYS[1], ARGV[2], ARGV[3]), 0
for i, id in ipairs(ids) do
  if string.sub(id, 1, #ARGV[1]) == ARGV[1] and redis.call('exists', '{Job.redis_job_namespace_prefix}' .. id) == 0 then
    redis.call('lset', KEYS[1], ARGV[3] - #ids + i, ARGV[4])
    marked = marked + 1
  end
end
return {{#ids, marked}}
"""

#: The function that jobs of sdq 0.1 name; some may still be in a Redis.
FORMER_DRAW_SLICE = "sdq.queues.draw_slice"


def draw_slice(slice_id: int) -> None:
    """Refuse to run: slices are drawn by `sdq worker`, which never calls this."""
    raise RuntimeError(f"Slice {slice_id} must be drawn by `sdq worker`, not by a stock RQ worker.")


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """The ids of the slices that Redis holds, by where they are.

    waiting: in a queue.
    misplaced: those of them in a queue of an earlier version, where they do not wait in their batch's order.
    claimed: with a worker; slice id -> the worker's name.
    abandoned: left in RQ's own places by a stock worker, or by a worker of sdq 0.1 that died.
    """

    waiting: Set[int]
    misplaced: Set[int]
    claimed: Mapping[int, str]
    abandoned: frozenset[int]

    def in_hand(self) -> Set[int]:
        """Return all slices that will be drawn without further help."""
        return self.waiting | self.claimed.keys()


class Queues:
    """One ledger's queues."""

    def __init__(self, connection: redis.Redis, ledger_id: str) -> None:
        self.connection = connection
        self._prefix = f"sdq-{ledger_id}-"
        self.claims = ClaimTable(connection, self._prefix)
        self.order = Order(connection, self._prefix)
        self.in_hand = ImagesInHand(connection, self._prefix)
        self.previews = Previews(connection, self._prefix)
        self.jobs = SliceJobs(
            function=DRAW_SLICE,
            id_prefix=self._prefix,
            result_ttl_s=60,
            failure_ttl_s=7 * 24 * 3600,
        )

    def queue(self, key: str) -> Queue:
        """Return the RQ queue with a key of `sdq_core.queue.order`."""
        return Queue(
            self._prefix + key,
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

    def enqueue(self, key: str, slice_ids: Iterable[int]) -> int:
        """Queue slices of one variant and batch, behind those that wait; return how many."""
        return self.jobs.enqueue(self.queue(key), slice_ids)

    def waiting(self) -> Sequence[Waiting]:
        """Return the queues in which slices wait that are to be drawn."""
        return self.order.look().waiting

    def queue_keys(self) -> list[str]:
        """Return the keys of the ledger's queues, also of some that are empty."""
        prefix = f"{RQ_KEY_PREFIX}:queue:{self._prefix}"
        members: Iterable[Any] = self.connection.smembers(Queue.redis_queues_keys)
        # Foreign names may be any bytes.
        names = (name.decode(errors="replace") for name in members)
        return sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))

    def clear(self, key: str, *, with_jobs: bool) -> None:
        """Remove all slices from a queue. with_jobs: and their jobs, except those of claimed slices."""
        self.claims.clear(self.queue(key), with_jobs=with_jobs)

    def holdings(self, *, batch_id: int | None = None) -> Holdings:
        """Look into every place where a slice can be. batch_id: only into that batch's queues, and at all claims."""
        waiting, misplaced = SliceIds(), SliceIds()
        begun: set[int] = set()
        # Before the queues and after: a slice that is taken or put back in between is then not missed.
        claimed = self.claims.workers()
        for key in self.queue_keys():
            batch = parts_of(key)[1]
            if batch_id is not None and batch != batch_id:
                continue
            queue = self.queue(key)
            for queued in self._pages(queue.key):
                slice_ids = self._slice_ids(queued)
                waiting.update(slice_ids)
                if batch is None:
                    misplaced.update(slice_ids)
            with self.connection.pipeline() as pipeline:
                pipeline.lrange(queue.intermediate_queue_key, 0, -1)
                pipeline.zrange(queue.started_job_registry.key, 0, -1)
                intermediate, started = pipeline.execute()
            begun.update(self._slice_ids(intermediate))
            begun.update(self._slice_ids(entry.split(b":", 1)[0] for entry in started))
        claimed.update(self.claims.workers())
        return Holdings(
            waiting=waiting,
            misplaced=misplaced,
            claimed=claimed,
            abandoned=frozenset(id_ for id_ in begun if id_ not in waiting and id_ not in claimed),
        )

    def forget(self, slice_ids: Iterable[int]) -> None:
        """Remove what is left of these slices in RQ's intermediate lists and started registries."""
        job_ids = {self.job_id(slice_id) for slice_id in slice_ids}
        for key in self.queue_keys() if job_ids else ():
            queue = self.queue(key)
            started: Any = self.connection.zrange(queue.started_job_registry.key, 0, -1)
            with self.connection.pipeline() as pipeline:
                for entry in started:
                    if entry.decode(errors="replace").split(":", 1)[0] in job_ids:
                        pipeline.zrem(queue.started_job_registry.key, entry)
                for job_id in job_ids:
                    pipeline.lrem(queue.intermediate_queue_key, 0, job_id)
                pipeline.execute()

    def withdraw(self, slice_ids: Iterable[int]) -> None:
        """Remove slices that nobody has started from their queues.

        Takes time in proportion to the queues, not to their product with the slices, and can be repeated: whoever takes
        an id whose job is gone drops it.
        """
        remaining = (self.job_id(slice_id) for slice_id in slice_ids)
        gone = ""
        while some := list(islice(remaining, _AT_ONCE)):
            gone = some[0]
            self.connection.unlink(*(Job.key_for(job_id) for job_id in some))
        for key in self.queue_keys() if gone else ():
            queue = self.queue(key).key
            marked = 0
            for first, last in _positions_from_the_end():
                looked, found = self.connection.eval(
                    _MARK, 1, queue, self._prefix, first, last, gone
                )
                marked += found
                if looked < _AT_ONCE:
                    break
            if marked:
                self.connection.lrem(queue, 0, gone)

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

    def _pages(self, queue: str) -> Iterator[list[bytes]]:
        for first, last in _positions_from_the_end():
            page: Any = self.connection.lrange(queue, first, last)
            yield page
            if len(page) < _AT_ONCE:
                return

    def _slice_ids(self, job_ids: Iterable[bytes]) -> list[int]:
        found = (self.slice_id(job_id.decode(errors="replace")) for job_id in job_ids)
        return [slice_id for slice_id in found if slice_id is not None]


def _positions_from_the_end() -> Iterator[tuple[int, int]]:
    """Yield the first and last position of each page of a queue, from its end.

    Workers take from the front meanwhile, and there they put back: that moves no position counted from the end. What
    is added at the end moves some ids into a page that comes later, so none is missed.
    """
    for page in count(1):
        yield -page * _AT_ONCE, -(page - 1) * _AT_ONCE - 1
