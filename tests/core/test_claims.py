"""Who has which slice: a slice is with one worker at a time, and comes back when that one is dead."""

from __future__ import annotations

from threading import Thread

import pytest
from rq.job import Job
from rq.worker_registration import REDIS_WORKER_KEYS

from sdq_core.queue.queues import Queues

KEY = "0123456789ab-7"


@pytest.fixture
def waiting(queues: Queues) -> Queues:
    """Queues with six slices of one variant."""
    queues.enqueue(KEY, range(1, 7))
    return queues


def take(queues: Queues, worker: str) -> int | None:
    taken = queues.claims.take(queues.queue(KEY), KEY, worker)
    return taken.slice_id if taken else None


def held(*slice_ids: int, worker: str = "a") -> dict[int, str]:
    return dict.fromkeys(slice_ids, f"{KEY} {worker}")


def queued(queues: Queues) -> list[int | None]:
    return [queues.slice_id(job_id) for job_id in queues.queue(KEY).job_ids]


def end(queues: Queues, slice_id: int, worker: str, *, put_back: bool) -> None:
    with queues.connection.pipeline() as pipeline:
        queues.claims.end(pipeline, slice_id, f"{KEY} {worker}", put_back=put_back)
        pipeline.execute()


def test_a_taken_slice_is_claimed_in_the_same_moment(waiting: Queues) -> None:
    assert [take(waiting, worker) for worker in "aab"] == [1, 2, 3]
    assert waiting.claims.workers() == {1: "a", 2: "a", 3: "b"}
    assert queued(waiting) == [4, 5, 6]
    assert waiting.claims.is_claimed(1)
    assert not waiting.claims.is_claimed(4)


def test_a_slice_that_is_queued_twice_is_taken_once(waiting: Queues) -> None:
    assert take(waiting, "a") == 1
    waiting.connection.lpush(waiting.queue(KEY).key, waiting.job_id(1))
    assert take(waiting, "b") == 2
    waiting.connection.lpush(waiting.queue(KEY).key, waiting.job_id(1))
    end(waiting, 1, "a", put_back=False)
    assert take(waiting, "b") == 3, "the finished one has no job any more"


def test_eight_that_take_at_once_share_without_a_double(queues: Queues) -> None:
    queues.enqueue(KEY, range(1, 401))
    taken: list[int] = []

    def drain(worker: str) -> None:
        while (slice_id := take(queues, worker)) is not None:
            taken.append(slice_id)

    threads = [Thread(target=drain, args=(f"w{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 401))


def test_what_is_not_a_slice_of_ours_is_kept_aside(queues: Queues) -> None:
    queue = queues.queue(KEY)
    strange = [b"\xff\xfe", b"another", f"{queues.job_id(1)}x".encode(), queues.job_id(0).encode()]
    queues.connection.rpush(queue.key, *strange)
    for raw_id in strange:
        taken = queues.claims.take(queue, KEY, "a")
        assert taken is not None
        assert (taken.raw_id, taken.slice_id) == (raw_id, None)
    assert queues.connection.lrange(queue.intermediate_queue_key, 0, -1) == strange
    assert queues.claims.workers() == {}


def test_a_finished_slice_leaves_nothing(waiting: Queues) -> None:
    take(waiting, "a")
    end(waiting, 1, "a", put_back=False)
    assert waiting.claims.workers() == {}
    assert not Job.exists(waiting.job_id(1), connection=waiting.connection)


def test_what_is_put_back_is_the_next(waiting: Queues) -> None:
    for _ in range(2):
        take(waiting, "a")
    for slice_id in (2, 1):
        end(waiting, slice_id, "a", put_back=True)
    assert queued(waiting) == [1, 2, 3, 4, 5, 6]
    assert take(waiting, "b") == 1


def test_a_worker_that_lost_its_claim_cannot_end_it(waiting: Queues) -> None:
    take(waiting, "a")
    waiting.claims.release("a")
    assert take(waiting, "b") == 1
    for put_back in (True, False):
        end(waiting, 1, "a", put_back=put_back)
    assert waiting.claims.workers() == {1: "b"}
    assert Job.exists(waiting.job_id(1), connection=waiting.connection)
    assert queued(waiting) == [2, 3, 4, 5, 6]


def test_a_dead_workers_slices_come_first_and_its_name_goes(waiting: Queues) -> None:
    waiting.connection.sadd(REDIS_WORKER_KEYS, "rq:worker:a", "rq:worker:b")
    waiting.connection.hset("rq:worker:a", "state", "busy")
    for _ in range(3):
        take(waiting, "a")
    take(waiting, "b")
    waiting.claims.beat("a", 1, held(1, 2, 3))
    registry = waiting.queue(KEY).started_job_registry.key
    waiting.connection.zadd(registry, {f"{waiting.job_id(n)}:execution": 1.0 for n in (1, 4)})
    assert waiting.claims.release("a") == [1, 2, 3]
    assert queued(waiting) == [1, 2, 3, 5, 6]
    assert waiting.claims.workers() == {4: "b"}
    assert waiting.connection.smembers(REDIS_WORKER_KEYS) == {b"rq:worker:b"}
    assert not waiting.connection.exists("rq:worker:a")
    assert waiting.connection.zrange(registry, 0, -1) == [f"{waiting.job_id(4)}:execution".encode()]
    assert waiting.claims.release("a") == []


def test_a_worker_that_sent_a_heartbeat_meanwhile_is_not_dead(waiting: Queues) -> None:
    take(waiting, "a")
    waiting.claims.beat("a", 1, held(1))
    waiting.claims.beat("a", 2, held(1))
    assert waiting.claims.release("a", heartbeat=1) is None
    assert waiting.claims.workers() == {1: "a"}
    assert waiting.claims.release("a", heartbeat=2) == [1]


def test_a_heartbeat_tells_of_all_workers(waiting: Queues) -> None:
    waiting.claims.beat("a", 7, {})
    assert waiting.claims.beat("b", 1, {}).heartbeats == {"a": 7, "b": 1}
    waiting.claims.sign_off("a")
    assert waiting.claims.beat("b", 2, {}).heartbeats == {"b": 2}


def test_a_claim_that_redis_forgot_is_restored_unless_another_has_the_slice(
    waiting: Queues,
) -> None:
    for _ in range(2):
        take(waiting, "a")
    waiting.connection.flushall()
    waiting.enqueue(KEY, [2])
    take(waiting, "b")
    assert waiting.claims.beat("a", 1, held(1, 2)).lost == {2}
    assert waiting.claims.workers() == {1: "a", 2: "b"}


def test_a_slice_whose_worker_never_heard_of_it_comes_back(waiting: Queues) -> None:
    """The reply was lost with a connection."""
    for _ in range(3):
        take(waiting, "a")
    waiting.claims.beat("a", 1, held(2))
    assert waiting.claims.workers() == {2: "a"}
    assert queued(waiting) == [1, 3, 4, 5, 6]


def test_a_redis_that_is_new_may_have_lost_claims_for_a_while(queues: Queues) -> None:
    assert queues.claims.may_have_lost_some()
    (mark,) = queues.connection.keys("sdq:*since")
    now, _ = queues.connection.time()
    queues.connection.set(mark, now - 60)
    assert not queues.claims.may_have_lost_some()
    queues.connection.set(mark, now + 3600)  # its clock was set back since
    assert not queues.claims.may_have_lost_some()


def test_the_claims_of_two_ledgers_do_not_meet(waiting: Queues) -> None:
    other = Queues(waiting.connection, "another")
    other.enqueue(KEY, [1])
    assert take(waiting, "a") == take(other, "a") == 1
    assert waiting.claims.release("a") == [1]
    assert other.claims.workers() == {1: "a"}


def test_names_that_nobody_keeps_alive_leave_rqs_list(queues: Queues) -> None:
    names = [f"rq:worker:{number}" for number in range(3)]
    queues.connection.sadd(REDIS_WORKER_KEYS, *names)
    queues.connection.hset(names[1], "state", "idle")
    queues.sweep_workers()
    assert queues.connection.smembers(REDIS_WORKER_KEYS) == {names[1].encode()}
    assert queues.claims.gone(["0", "1", "2"]) == {"0", "2"}
