"""One ledger's queues in a Redis that others use too."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
import redis
from rq import Queue, SimpleWorker
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.serializers import DefaultSerializer, JSONSerializer
from rq.utils import import_attribute

from sdq_core.errors import ConfigurationError, ServiceUnavailableError, TryAgainError
from sdq_core.queue.connection import connect
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.queues import DRAW_SLICE, Queues, draw_slice
from sdq_core.queue.server import RedisServer
from sdq_core.settings import read_settings
from sdq_core.values.order import Rank
from tests.core.small_ledger import counts

KEY = "0123456789ab-7"

#: What two jobs made at different times in different queues cannot have in common.
OWN_FIELDS = {b"created_at", b"enqueued_at", b"origin"}

HOLD_LOCK = """
import sys, time
import redis
from sdq_core.queue.queues import Queues
with Queues(redis.Redis.from_url(sys.argv[1]), sys.argv[2]).dispatch_lock(ttl_s=float(sys.argv[3])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def queues(connection: redis.Redis) -> Queues:
    """The queues of a ledger that is not needed here."""
    return Queues(connection, "aaaaaaaaaaaa")


def test_a_job_is_what_rq_itself_enqueues(queues: Queues, connection: redis.Redis) -> None:
    assert queues.enqueue(KEY, [7]) == 1
    ours = connection.hgetall(Job.key_for(queues.job_id(7)))
    theirs = Queue("theirs", connection=connection, serializer=JSONSerializer).enqueue(
        DRAW_SLICE,
        7,
        job_id="theirs",
        description="slice 7",
        job_timeout=-1,
        result_ttl=60,
        failure_ttl=7 * 24 * 3600,
    )
    expected = connection.hgetall(theirs.key)
    assert ours.keys() == expected.keys()
    for name in expected.keys() - OWN_FIELDS:
        if name == b"data":
            continue
        assert ours[name] == expected[name], name
    job = Job.fetch(queues.job_id(7), connection=connection, serializer=JSONSerializer)
    assert (job.func_name, list(job.args), job.kwargs) == (DRAW_SLICE, [7], {})
    assert job.func_name == theirs.func_name
    assert job.origin == queues.queue(KEY).name
    assert job.get_status() == theirs.get_status()


def test_a_job_names_a_function_that_is_there() -> None:
    assert import_attribute(DRAW_SLICE) is draw_slice


def test_payloads_are_json_and_nothing_that_runs_code(
    queues: Queues, connection: redis.Redis
) -> None:
    queues.enqueue(KEY, [7])
    job_id = queues.job_id(7)
    data = zlib.decompress(connection.hget(Job.key_for(job_id), "data"))
    assert json.loads(data) == [DRAW_SLICE, None, [7], {}]
    pickled = Job.fetch(job_id, connection=connection, serializer=DefaultSerializer)
    with pytest.raises(DeserializationError):
        _ = pickled.args


def test_rqs_own_worker_does_not_draw_and_says_who_does(
    queues: Queues, connection: redis.Redis
) -> None:
    queues.enqueue(KEY, [7])
    queue = queues.queue(KEY)
    SimpleWorker([queue], connection=connection, serializer=JSONSerializer).work(burst=True)
    assert queue.failed_job_registry.get_job_ids() == [queues.job_id(7)]
    result = queue.fetch_job(queues.job_id(7)).latest_result()
    assert "must be drawn by `sdq worker`" in result.exc_string


def test_more_than_rq_takes_at_once_keep_their_order_too(queues: Queues) -> None:
    queues.enqueue(KEY, range(1, 2501))
    assert queues.queue(KEY).job_ids == [queues.job_id(number) for number in range(1, 2501)]


def test_variants_wait_apart_and_empty_ones_are_not_counted(queues: Queues) -> None:
    queues.enqueue("one-7", [1, 2])
    queues.enqueue("two-7", [3])
    queues.order.write({7: Rank()})
    assert counts(queues) == {"one-7": 2, "two-7": 1}
    queues.queue("two-7").pop_job_id()
    assert counts(queues) == {"one-7": 2}
    assert queues.enqueue("three-7", []) == 0


def test_two_ledgers_share_a_redis_and_do_not_meet(queues: Queues, connection: redis.Redis) -> None:
    other = Queues(connection, "bbbbbbbbbbbb")
    queues.enqueue(KEY, [1, 2])
    other.enqueue(KEY, [1])
    queues.order.write({7: Rank()})
    assert other.waiting() == []
    other.order.write({7: Rank()})
    assert counts(queues) == {KEY: 2}
    assert counts(other) == {KEY: 1}
    assert other.slice_id(queues.job_id(1)) is None
    other.forget([1])
    assert Job.exists(queues.job_id(1), connection=connection)


@pytest.mark.parametrize("name", ["", "1", "sdq-bbbbbbbbbbbb-1", "sdq-aaaaaaaaaaaa-", "x"])
def test_foreign_names_are_no_slices(queues: Queues, name: str) -> None:
    assert queues.slice_id(name) is None


def test_strange_names_in_the_lists_are_passed_over(
    queues: Queues, connection: redis.Redis
) -> None:
    queues.enqueue(KEY, [1])
    queue = queues.queue(KEY)
    connection.rpush(queue.key, b"\xff\xfe", "stranger", queues.job_id(1) + "x")
    connection.rpush(queue.intermediate_queue_key, b"\xff\xfe")
    connection.zadd(queue.started_job_registry.key, {"stranger:1": 0})
    holdings = queues.holdings()
    assert holdings.waiting == {1}
    assert holdings.in_hand() == {1}
    assert not holdings.abandoned


def test_a_cleared_queue_leaves_only_what_is_not_ours(
    queues: Queues, connection: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdq_core.queue.claims._AT_ONCE", 4)
    queues.enqueue("one-7", range(1, 22))
    queues.enqueue("two-8", range(30, 34))
    queue = queues.queue("one-7")
    assert queues.claims.take(queue, "one-7", "worker")
    connection.rpush(queue.key, "stranger", queues.job_id(1))
    queues.clear("one-7", with_jobs=True)
    assert queue.job_ids == ["stranger"]
    assert Job.exists(queues.job_id(1), connection=connection), "a worker has it"
    assert not Job.exists(queues.job_id(21), connection=connection)
    queues.clear("two-8", with_jobs=False)
    assert queues.holdings().waiting == set()
    assert Job.exists(queues.job_id(33), connection=connection)
    queues.clear("three-9", with_jobs=True)


def test_the_lock_excludes_a_second(queues: Queues) -> None:
    with queues.dispatch_lock(), pytest.raises(TryAgainError), queues.dispatch_lock():
        pass
    with queues.dispatch_lock():
        pass


def test_the_lock_of_another_ledger_is_another(queues: Queues, connection: redis.Redis) -> None:
    both = queues, Queues(connection, "bbbbbbbbbbbb")
    with both[0].dispatch_lock(), both[1].dispatch_lock():
        for held in both:
            with pytest.raises(TryAgainError), held.dispatch_lock():
                pass


def test_the_lock_is_waited_for_no_longer_than_asked(queues: Queues) -> None:
    with queues.dispatch_lock():
        started = time.monotonic()
        with pytest.raises(TryAgainError), queues.dispatch_lock(wait_s=0.5):
            pass
        assert 0.4 < time.monotonic() - started < 5


def test_a_lock_that_expired_while_it_was_held_is_let_go_without_a_word(
    queues: Queues, connection: redis.Redis
) -> None:
    with queues.dispatch_lock(ttl_s=0.05):
        deadline = time.monotonic() + 10
        while connection.keys("sdq:*"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    with queues.dispatch_lock():
        assert connection.keys("sdq:*")


def test_a_lock_whose_redis_went_away_leaves_the_work_done(
    queues: Queues, redis_server: RedisServer
) -> None:
    with queues.dispatch_lock():
        redis_server.stop()
    assert not redis_server.is_running()


def test_the_lock_dies_with_its_owner(queues: Queues, redis_server: RedisServer) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, redis_server.url, "aaaaaaaaaaaa", "1.5"],
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        with pytest.raises(TryAgainError), queues.dispatch_lock():
            pass
        owner.kill()
    with queues.dispatch_lock(wait_s=5):
        pass


def test_a_lock_that_was_lost_is_not_taken_from_its_new_owner(queues: Queues) -> None:
    with queues.dispatch_lock(ttl_s=0.05):
        late = queues.dispatch_lock(wait_s=5)
        late.__enter__()
    with pytest.raises(TryAgainError), queues.dispatch_lock():
        pass
    late.__exit__(None, None, None)


def test_a_redis_that_is_away_is_named_without_its_password() -> None:
    settings = read_settings({"SDQ_REDIS_URL": "redis://:secret@127.0.0.1:1/0"})
    with pytest.raises(
        ServiceUnavailableError, match=r"Redis at redis://\*\*\*@127\.0\.0\.1:1/0 "
    ) as raised:
        connect(settings)
    assert "secret" not in str(raised.value)


def test_a_redis_without_a_place_is_just_called_redis(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        redis_server.stop()
        with (
            pytest.raises(ServiceUnavailableError, match=r"^Redis does not answer"),
            redis_errors(),
        ):
            client.ping()


def test_what_is_no_redis_url_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="not a Redis URL"):
        connect(read_settings({"SDQ_REDIS_URL": "http://here"}))


def test_connecting_starts_the_embedded_redis(tmp_path: Path) -> None:
    settings = read_settings({"SDQ_HOME": str(tmp_path)})
    try:
        with connect(settings) as client:
            assert client.ping()
    finally:
        RedisServer(settings.redis_folder).stop()


def test_what_redis_refuses_is_translated(connection: redis.Redis) -> None:
    connection.set("text", "x")
    with (
        pytest.raises(ServiceUnavailableError, match="Redis refused a command: WRONGTYPE"),
        redis_errors(),
    ):
        connection.lpush("text", "y")
