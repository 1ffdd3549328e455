"""Very many jobs at once, without what RQ does for each of them; what ends up in Redis is the same.

RQ spends 0.2 ms on a job (objects, a hash of 18 fields sent and inserted one by one, a fresh 256 KiB compressor), which
is eight seconds for 40,000 slices. So RQ writes the first job of a chunk itself, and Redis copies that one's hash for
all others; only the differences are sent. So whatever a future RQ writes into a job is in every job, and
`tests/core/test_job_hashes.py` compares everything in Redis with what `Queue.enqueue_many` writes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from rq import Queue
from rq.job import Job
from rq.queue import EnqueueData
from rq.serializers import JSONSerializer

#: Jobs per transaction: one reply to wait for, and about 20 ms in which Redis serves nobody else.
_CHUNK = 1000

# KEYS: the queue, and the hash that RQ wrote. ARGV: the prefix of job ids, then each job's slice id and data.
_COPY = f"""
local ids = {{}}
for i = 2, #ARGV, 2 do
  local id = ARGV[1] .. ARGV[i]
  local key = '{Job.redis_job_namespace_prefix}' .. id
  redis.call('copy', KEYS[2], key, 'replace')
  redis.call('hset', key, 'data', ARGV[i + 1], 'description', 'slice ' .. ARGV[i])
  ids[#ids + 1] = id
end
return redis.call('rpush', KEYS[1], unpack(ids))
"""

# A job's data is some 45 bytes: zlib's smallest window holds them and costs a tenth of the usual one to set up.
_COMPRESSOR = zlib.compressobj(wbits=9, memLevel=1)


@dataclass(frozen=True, kw_only=True)
class SliceJobs:
    """The jobs of slices, each the call `function(slice_id)`.

    function: its dotted name.
    id_prefix: what job ids begin with; the slice's id follows.
    result_ttl_s, failure_ttl_s: how long Redis keeps results and failed jobs, seconds.
    """

    function: str
    id_prefix: str
    result_ttl_s: int
    failure_ttl_s: int

    def enqueue(self, queue: Queue, slice_ids: Iterable[int]) -> int:
        """Push a job for each slice, one after the other; return how many."""
        remaining = iter(slice_ids)
        count = 0
        while chunk := list(islice(remaining, _CHUNK)):
            self._enqueue_chunk(queue, chunk)
            count += len(chunk)
        return count

    def as_rq_takes_it(self, slice_id: int) -> EnqueueData:
        """Return one job as `Queue.enqueue_many` takes it."""
        return Queue.prepare_data(
            self.function,
            args=(slice_id,),
            job_id=f"{self.id_prefix}{slice_id}",
            description=f"slice {slice_id}",
            timeout=-1,
            result_ttl=self.result_ttl_s,
            failure_ttl=self.failure_ttl_s,
        )

    def _enqueue_chunk(self, queue: Queue, slice_ids: Sequence[int]) -> None:
        first, *others = slice_ids
        job = self.as_rq_takes_it(first)
        with queue.connection.pipeline() as pipeline:
            queue.enqueue_many([job], pipeline=pipeline)
            if others:
                pipeline.eval(
                    _COPY,
                    2,
                    queue.key,
                    Job.key_for(job.job_id),
                    self.id_prefix,
                    *self._ids_and_data(others),
                )
            pipeline.execute()

    def _ids_and_data(self, slice_ids: Iterable[int]) -> Iterator[int | bytes]:
        """Yield each slice's id and what RQ stores of its call: function and arguments as JSON, in zlib's format."""
        call: bytes = JSONSerializer.dumps((self.function, None, ("@",), {}))  # type: ignore[no-untyped-call]
        before, after = call.split(b'"@"')
        for slice_id in slice_ids:
            compressor = _COMPRESSOR.copy()
            yield slice_id
            yield compressor.compress(b"%b%d%b" % (before, slice_id, after)) + compressor.flush()
