"""Jobs written in bulk are what the installed RQ writes; where this fails after an upgrade, RQ writes others now."""

from __future__ import annotations

import subprocess
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import utcparse

from sdq_core.errors import ConfigurationError
from sdq_core.queue.choice import program_for
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.queues import Queues

KEY = "0123456789ab"

#: Past a chunk, with ids of every length.
SLICE_IDS = [*range(1, 1500), 99_999, 100_000, 2**31, 2**53 + 1]


@pytest.fixture
def queues(connection: redis.Redis) -> Queues:
    """The queues of a ledger that is not needed here."""
    return Queues(connection, "aaaaaaaaaaaa")


def by_rq(queues: Queues, slice_ids: Sequence[int]) -> None:
    queues.queue(KEY).enqueue_many([queues.jobs.as_rq_takes_it(slice_id) for slice_id in slice_ids])


def by_us(queues: Queues, slice_ids: Sequence[int]) -> None:
    queues.jobs.enqueue(queues.queue(KEY), slice_ids)


def everything(connection: redis.Redis) -> dict[bytes, Any]:
    """Every key with its value, its time to live and how Redis holds it; times and compressed data made comparable."""
    found: dict[bytes, Any] = {}
    for key in connection.scan_iter(count=1000):
        kind = connection.type(key)
        value: Any
        if kind == b"hash":
            value = connection.hgetall(key)
            for field in (b"created_at", b"enqueued_at"):
                assert utcparse(value[field].decode())
                value[field] = "a time"
            # One call may be compressed to different bytes, also by two builds of zlib.
            value[b"data"] = zlib.decompress(value[b"data"])
        elif kind == b"list":
            value = connection.lrange(key, 0, -1)
        else:
            assert kind == b"set", (key, kind)
            value = connection.smembers(key)
        found[key] = (kind, value, connection.ttl(key), connection.object("encoding", key))
    return found


def left_by(
    write: Callable[..., None],
    queues: Queues,
    *,
    slice_ids: Sequence[int] = SLICE_IDS,
) -> dict[bytes, Any]:
    """What is in a Redis that held two jobs before."""
    queues.connection.flushall()
    by_rq(queues, [2000, 2001])
    write(queues, slice_ids)
    return everything(queues.connection)


def test_all_that_is_in_redis_is_what_rq_writes(queues: Queues) -> None:
    theirs = left_by(by_rq, queues)
    assert len(theirs) == len(SLICE_IDS) + 2 + 2  # with the queue's list, and the set of queues
    assert left_by(by_us, queues) == theirs


@pytest.mark.parametrize("count", [1, 2, 999, 1000, 1001])
def test_no_job_is_lost_where_chunks_end(queues: Queues, count: int) -> None:
    ids = range(1, count + 1)
    assert left_by(by_us, queues, slice_ids=ids) == left_by(by_rq, queues, slice_ids=ids)


def test_a_job_that_is_there_already_is_written_anew(queues: Queues) -> None:
    def over_old_ones(write: Callable[..., None]) -> dict[bytes, Any]:
        queues.connection.flushall()
        by_rq(queues, [1, 2, 3])
        for slice_id in (1, 2, 3):
            job = Job.fetch(
                queues.job_id(slice_id), connection=queues.connection, serializer=JSONSerializer
            )
            job.prepare_for_execution("a worker that died", queues.connection.pipeline())
            job.save()
        queues.connection.delete(queues.queue(KEY).key)
        write(queues, [1, 2, 3])
        return everything(queues.connection)

    assert over_old_ones(by_us) == over_old_ones(by_rq)


def test_jobs_take_no_more_memory_than_rqs(queues: Queues) -> None:
    def used(write: Callable[..., None]) -> int:
        queues.connection.execute_command("FLUSHALL", "SYNC")  # Valkey would free it by and by
        before = queues.connection.info("memory")["used_memory"]
        write(queues, range(10_000, 15_000))
        return int(queues.connection.info("memory")["used_memory"]) - int(before)

    # What the allocator rounds up differs a little between a hash that grew and one that was copied.
    assert used(by_us) < 1.1 * used(by_rq)


@pytest.fixture
def old_redis(tmp_path: Path) -> Iterator[redis.Redis]:
    """A Redis that lacks the command which version 6.2 brought."""
    socket = tmp_path / "old.sock"
    program = subprocess.Popen(
        [
            program_for(tmp_path).path,
            "--port",
            "0",
            "--unixsocket",
            socket,
            "--rename-command",
            "COPY",
            "",
        ],
        stdout=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    try:
        with redis.Redis(
            unix_socket_path=str(socket), retry=Retry(ConstantBackoff(0.1), 100)
        ) as client:
            client.ping()
            yield client
    finally:
        program.kill()
        program.wait()


def test_a_redis_that_is_too_old_is_called_so(old_redis: redis.Redis) -> None:
    with pytest.raises(ConfigurationError, match=r"too old; sdq needs 6\.2"), redis_errors():
        Queues(old_redis, "aaaaaaaaaaaa").enqueue(KEY, [1, 2])
