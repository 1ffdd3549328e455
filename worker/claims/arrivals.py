"""Tells sdq's own jobs from all others before their contents are trusted.

Anyone who can write to Redis can put anything into the queues. A job is ours if its id names a slice of this ledger
and its data is exactly what `sdq_core.queue` writes for it; all others are refused, kept for inspection and never run.
RQ reads a job only after these checks, because it decompresses data of any size and fails on an invalid date.
"""

from __future__ import annotations

import time
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


def read_job(queues: Queues, queue: Queue, slice_id: int) -> Job | None:
    """Return a slice's job; None if it is not ours."""
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


def refuse(queues: Queues, queue: Queue, raw_id: bytes) -> None:
    """Move a job that is not ours to RQ's failed jobs, where its owner can find it.

    A job that only pretends to be a slice's is deleted, so that reconciling can queue that slice with a real one.
    """
    key = Job.redis_job_namespace_prefix.encode() + raw_id
    connection: Any = queue.connection
    is_hash = connection.type(key) == b"hash"
    pretends = queues.slice_id(raw_id.decode(errors="replace")) is not None
    with connection.pipeline() as pipeline:
        pipeline.lrem(queue.intermediate_queue_key, 0, raw_id)
        if pretends:
            pipeline.delete(key)
        elif is_hash:
            pipeline.hset(key, "status", JobStatus.FAILED.value)
            pipeline.expire(key, _KEPT_FOR_S)
        if _is_text(raw_id):  # RQ's tools fail on an id that is not
            pipeline.zadd(queue.failed_job_registry.key, {raw_id: time.time() + _KEPT_FOR_S})
        pipeline.execute()


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
