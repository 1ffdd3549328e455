"""Jobs that are not ours: refused, kept for inspection, never run; the batch is drawn all the same."""

from __future__ import annotations

import json
import pickle
import zlib
from pathlib import Path

import redis
from rq import Queue
from rq.job import Job
from rq.registry import FailedJobRegistry

from sdq_core.queue.queues import DRAW_SLICE, FORMER_DRAW_SLICE, Queues
from tests.acceptance.program import Program, assert_whole
from tests.core.small_ledger import counts


class Trap:
    """What a pickle payload is: a call, as soon as it is read."""

    def __init__(self, touched: Path) -> None:
        self.touched = touched

    def __reduce__(self) -> tuple[object, ...]:
        return Path.mkdir, (self.touched,)


def put(queue: Queue, job_id: bytes, data: bytes | None, **fields: str) -> None:
    """Put a job in front of all others, as anybody with the Redis could."""
    client = queue.connection
    if data is not None:
        client.hset(b"rq:job:" + job_id, mapping={"data": data, **fields})  # type: ignore[arg-type]
    client.lpush(queue.key, job_id)


def call(*arguments: object, name: str = DRAW_SLICE) -> bytes:
    return zlib.compress(json.dumps([name, None, arguments, {}]).encode())


def test_strangers_jobs_are_refused_and_the_batch_is_drawn(
    program: Program, tmp_path: Path
) -> None:
    program.call("submit", "--prompt", "the sea", "--steps", "2", "--batch", "mine")
    touched = tmp_path / "touched"
    with program.ledger() as ledger, redis.Redis.from_url(program.redis.url) as client:
        queues = Queues(client, ledger.id)
        (key,) = counts(queues)
        queue = queues.queue(key)
        own = queues.job_id(1)
        # What is spoilt is refused too, and the slice gets a new job.
        assert client.delete(Job.key_for(own))
        client.set(Job.key_for(own), "spoilt")
        queue.enqueue("os.mkdir", str(touched), job_id="stranger", at_front=True)
        slices = own.removesuffix("1").encode()
        strangers: dict[bytes, bytes | None] = {
            b"pickle": pickle.dumps(("os.mkdir", None, (str(touched),), {})),
            b"trap": zlib.compress(pickle.dumps(Trap(touched))),
            b"other name": call(1, name="sdq_core.queue.queues.connect"),
            b"no slice": call(10**30),
            b"\x1b[2Jscreen": call(1),
            b"\xff\xfe": call(1),
            b"no hash at all": None,
            slices + b"2": pickle.dumps((DRAW_SLICE, None, (2,), {})),
            slices + b"3": call([[[]]] * 300, {"x": None}),
            slices + b"4": zlib.compress(bytes(200_000_000), 9),
            slices + b"5": call(1),
            slices + b"6": call(6, name="os.system"),
            slices + b"0": call(0),
            slices + b"007": call(7),
            slices + b"9" * 5000: call(8),
            slices + "٣".encode(): call(3),
        }
        for job_id, data in strangers.items():
            put(queue, job_id, data)
        put(queue, slices + b"9", call(9), created_at="never", timeout="x", status="y")
        client.set(b"rq:job:" + slices + b"10", "no hash")
        put(queue, slices + b"10", None)
        # One of another ledger, a queue without jobs, and a name that is no text.
        client.sadd(Queue.redis_queues_keys, b"rq:queue:\xff", queue.key + "x")
        result = program.call("worker", "--burst")
        count = len(strangers) + 4
        assert result.stderr.count("Refused job") == count, result.stderr
        assert "\x1b" not in result.stderr
        assert "'\\x1b[2Jscreen'" in result.stderr
        assert all(len(line) < 300 for line in result.stderr.splitlines())
        failed = FailedJobRegistry(queue=queue).get_job_ids(cleanup=False)
        assert len(failed) == count - 1  # all but the one that no RQ tool could name
        assert Job.exists("stranger", connection=client)
        assert not client.exists(queue.key, queue.intermediate_queue_key)
    assert not touched.exists()
    assert_whole(program.home, program.drawn("mine"), 1)


def test_jobs_that_the_former_sdq_queued_are_drawn(program: Program) -> None:
    """Written as 0.1 wrote them: the same in all but the path of the function, which has moved since."""
    program.call("submit", "--prompt", "the sea", "--steps", "2", "--batch", "mine")
    with program.ledger() as ledger, redis.Redis.from_url(program.redis.url) as client:
        queues = Queues(client, ledger.id)
        former = call(1, name=FORMER_DRAW_SLICE)
        assert client.hset(Job.key_for(queues.job_id(1)), "data", former) == 0
        result = program.call("worker", "--burst")
    assert "Refused" not in result.stderr
    assert_whole(program.home, program.drawn("mine"), 1)
