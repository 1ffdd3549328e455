"""Ledger and queues against each other: whatever Redis forgets or holds too long is put right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from db.ledger import Ledger
from sdq.dispatch import dispatch, reconcile
from sdq.errors import TryAgainError
from sdq.queues import DRAW_SLICE, Queues
from sdq.redis_server import RedisServer
from tests.ledger.plans import VARIANT, plan


@pytest.fixture
def connection(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """A client of an empty Redis."""
    with redis.Redis.from_url(redis_server.url) as client:
        yield client


@pytest.fixture
def own_ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with one batch of four slices, none of them queued."""
    with Ledger.open(f"sqlite:///{tmp_path / 'sdq.db'}") as opened:
        opened.add_batch(plan(["a", "b"], range(50)))
        yield opened


@pytest.fixture
def queues(connection: redis.Redis, own_ledger: Ledger) -> Queues:
    return Queues(connection, own_ledger.id)


def slice_ids(ledger: Ledger) -> list[int]:
    return [piece.id for piece in ledger.open_slices()]


def test_a_submission_that_was_not_queued_heals(own_ledger: Ledger, queues: Queues) -> None:
    assert reconcile(own_ledger, queues).requeued == 4
    assert reconcile(own_ledger, queues).requeued == 0
    assert queues.waiting() == {VARIANT.key: 4}
    assert sorted(queues.holdings().waiting) == slice_ids(own_ledger)


def test_a_redis_that_lost_everything_heals(
    own_ledger: Ledger, queues: Queues, connection: redis.Redis
) -> None:
    dispatch(queues, own_ledger.open_slices())
    connection.flushall()
    assert reconcile(own_ledger, queues).requeued == 4


def test_the_slice_of_a_dead_worker_is_resumed_first(
    own_ledger: Ledger, queues: Queues, connection: redis.Redis
) -> None:
    dispatch(queues, own_ledger.open_slices())
    queue = queues.queue(VARIANT.key)
    job_id = queue.pop_job_id()
    assert job_id is not None
    registry = queue.started_job_registry.key
    connection.zadd(registry, {f"{job_id}:execution": time.time() + 20})
    assert reconcile(own_ledger, queues).requeued == 0
    connection.zadd(registry, {f"{job_id}:execution": time.time() - 1})
    found = reconcile(own_ledger, queues)
    assert (found.requeued, found.resumed) == (1, 1)
    assert queue.job_ids[0] == job_id
    assert connection.zcard(registry) == 0


def test_a_popped_job_that_nobody_claimed_heals_after_its_grace(
    own_ledger: Ledger, queues: Queues, connection: redis.Redis
) -> None:
    dispatch(queues, own_ledger.open_slices())
    queue = queues.queue(VARIANT.key)
    job_id = connection.lmove(queue.key, queue.intermediate_queue_key).decode()
    assert reconcile(own_ledger, queues).requeued == 0
    connection.set(queue.intermediate_queue.get_first_seen_key(job_id), time.time() - 60)
    assert reconcile(own_ledger, queues).requeued == 1
    assert connection.llen(queue.intermediate_queue_key) == 0


def test_jobs_are_what_rq_reads(own_ledger: Ledger, queues: Queues) -> None:
    dispatch(queues, own_ledger.open_slices())
    queue = queues.queue(VARIANT.key)
    job = Job.fetch(queue.job_ids[0], connection=queues.connection, serializer=JSONSerializer)
    assert job.func_name == DRAW_SLICE
    assert list(job.args) == [queues.slice_id(job.id)]
    assert job.timeout == -1
    assert job.description.startswith("slice")
    assert len(Queue(queue.name, connection=queues.connection)) == 4


def test_two_ledgers_share_a_redis(
    own_ledger: Ledger, queues: Queues, connection: redis.Redis
) -> None:
    other = Queues(connection, "ffffffffffff")
    dispatch(queues, own_ledger.open_slices())
    assert other.waiting() == {}
    assert other.slice_id(queues.job_id(1)) is None


def test_one_reconciles_at_a_time_and_the_lock_dies_with_its_owner(
    own_ledger: Ledger, queues: Queues
) -> None:
    with queues.dispatch_lock(), pytest.raises(TryAgainError):
        reconcile(own_ledger, queues)
    reconcile(own_ledger, queues)
    lock = queues.dispatch_lock(ttl_s=0.3)
    lock.__enter__()  # an owner that is killed never leaves
    reconcile(own_ledger, queues, wait_s=5)
