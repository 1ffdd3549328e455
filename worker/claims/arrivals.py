"""Jobs as they arrive: one popped at a time, ours told from everybody else's before anything in it is believed.

Whoever can write to the Redis can put anything into the queues. A job is ours if its id names a slice of this ledger
and its data is exactly what `sdq_core.queue` writes for it; all else is refused, kept for inspection and never run.
RQ's own reading comes last and only for small ones of ours: it inflates whatever it finds and fails on a wrong date.
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

#: A job of ours has some 50 bytes of data; zlib makes at most a thousand times as many of these.
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

    leftover: it is the name of one of ours without a job: its slice was queued twice and is finished, or will be
    queued again.
    """

    raw_id: bytes
    job: Job | None = None
    slice_id: int | None = None
    leftover: bool = False

    def __str__(self) -> str:
        return repr(self.raw_id[:100].decode(errors="backslashreplace"))


def pop(queues: Queues, queue: Queue) -> Arrival | None:
    """Move the queue's first job to its intermediate list and look at it; None when the queue is empty."""
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
    """Forget a name that was popped and stands for nothing that is to be done here."""
    connection: Any = queue.connection
    connection.lrem(queue.intermediate_queue_key, 0, arrival.raw_id)


def refuse(queues: Queues, queue: Queue, arrival: Arrival) -> None:
    """Take a job that is not ours out of the queue and put it among the failed ones, for whoever looks for it there.

    One that only pretends to be a slice's is deleted, so that reconciling can queue that slice with a job of its own.
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
        if _is_text(arrival.raw_id):  # RQ's tools stop at one that is not
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
    except ResponseError:  # something else than a hash under the job's name
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
