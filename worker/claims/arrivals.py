"""Takes jobs from the queues, one at a time, and tells sdq's own from all others before trusting their contents.

Anyone who can write to Redis can put anything into the queues. A job is ours if its id names a slice of this ledger
and its data is exactly what `sdq_core.queue` writes for it; all others are refused, kept for inspection and never run.
RQ reads a job only after these checks, because it decompresses data of any size and fails on an invalid date.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError
from rq import Queue
from rq.exceptions import DeserializationError, NoSuchJobError
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from sdq_core.queue.queues import DRAW_SLICE, FORMER_DRAW_SLICE, Queues

#: Our jobs have about 50 bytes of data; zlib expands these by a factor of a thousand at most.
_MAX_DATA_BYTES = 4096
_KEPT_FOR_S = 7 * 24 * 3600
_RESTORING_FAILED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A popped job, still in the queue's intermediate list; `job` and `slice_id` are None unless it is ours.

    leftover: only the id of one of our jobs, whose job is gone. Its slice was queued twice and is finished, or will be
    queued again.
    """

    raw_id: bytes
    job: Job | None = None
    slice_id: int | None = None
    leftover: bool = False

    def __str__(self) -> str:
        return repr(self.raw_id[:100].decode(errors="backslashreplace"))


def pop(queues: Queues, queue: Queue) -> Arrival | None:
    """Move the queue's first job to its intermediate list and read it; None if the queue is empty."""
    connection: Any = queue.connection
    raw_id: bytes | None = connection.lmove(queue.key, queue.intermediate_queue_key)
    if raw_id is None:
        return None
    slice_id = queues.slice_id(raw_id.decode(errors="replace"))
    job = _genuine(queues, queue, slice_id) if slice_id is not None else None
    if slice_id is None or job is not None:
        return Arrival(raw_id=raw_id, job=job, slice_id=slice_id)
    return Arrival(raw_id=raw_id, leftover=not connection.exists(Job.key_for(raw_id.decode())))


def drop(queue: Queue, arrival: Arrival) -> None:
    """Forget a popped id that needs no work."""
    connection: Any = queue.connection
    connection.lrem(queue.intermediate_queue_key, 0, arrival.raw_id)


def refuse(queues: Queues, queue: Queue, arrival: Arrival) -> None:
    """Move a job that is not ours to RQ's failed jobs, where its owner can find it.

    A job that only pretends to be a slice's is deleted, so that reconciling can queue that slice with a real one.
    """
    key = Job.redis_job_namespace_prefix.encode() + arrival.raw_id
    connection: Any = queue.connection
    is_hash = connection.type(key) == b"hash"
    pretends = queues.slice_id(arrival.raw_id.decode(errors="replace")) is not None
    with connection.pipeline() as pipeline:
        pipeline.lrem(queue.intermediate_queue_key, 0, arrival.raw_id)
        if pretends:
            pipeline.delete(key)
        elif is_hash:
            pipeline.hset(key, "status", JobStatus.FAILED.value)
            pipeline.expire(key, _KEPT_FOR_S)
        if _is_text(arrival.raw_id):  # RQ's tools fail on an id that is not
            pipeline.zadd(
                queue.failed_job_registry.key, {arrival.raw_id: time.time() + _KEPT_FOR_S}
            )
        pipeline.execute()


def _genuine(queues: Queues, queue: Queue, slice_id: int) -> Job | None:
    job_id = queues.job_id(slice_id)
    try:
        if queue.connection.hstrlen(Job.key_for(job_id), "data") > _MAX_DATA_BYTES:
            return None
        job = Job.fetch(job_id, connection=queue.connection, serializer=JSONSerializer)
        named = job.func_name in (DRAW_SLICE, FORMER_DRAW_SLICE)
        ours = named and list(job.args) == [slice_id] and not job.kwargs
    except ResponseError:  # the job's key is not a hash
        return None
    except (DeserializationError, NoSuchJobError, *_RESTORING_FAILED):
        return None
    return job if ours else None


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
