"""A worker's connection never waits for long, and notices when Redis is back."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from rq import Queue

from sdq_core.errors import ServiceUnavailableError
from sdq_core.queue.connection import connect_worker, patience
from sdq_core.queue.failures import redis_errors
from sdq_core.queue.server import RedisServer
from sdq_core.settings import Settings, read_settings
from tests.core.redis_death import kill
from worker.claims.rq_worker import RqWorker


@pytest.fixture(params=["", "long" * 30])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings with an embedded Redis, in a folder with a short path and in one with a long path."""
    settings = read_settings({"SDQ_HOME": str(tmp_path / request.param)})
    yield settings
    RedisServer(settings.redis_folder).stop()


@pytest.fixture
def worker(settings: Settings) -> Iterator[redis.Redis]:
    """A worker's connection, once RQ has had it too."""
    with connect_worker(settings) as connection:
        RqWorker(connection)
        yield connection


@contextlib.contextmanager
def silent(settings: Settings) -> Iterator[None]:
    """Suspend the Redis while the block lasts."""
    pid = RedisServer(settings.redis_folder).pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_silent_redis_is_waited_for_once_and_then_left_alone(
    settings: Settings, worker: redis.Redis
) -> None:
    with silent(settings):
        started = time.monotonic()
        with pytest.raises(redis.TimeoutError):
            worker.get("key")
        assert time.monotonic() - started < 3
        started = time.monotonic()
        for _ in range(20):
            with pytest.raises(redis.ConnectionError, match="Timeout"):
                worker.get("key")
            with pytest.raises(redis.ConnectionError, match="Timeout"):
                worker.pipeline().get("key").execute()
            with pytest.raises(redis.ConnectionError, match="Timeout"):
                worker.lock("lock", blocking_timeout=0).acquire()
        assert time.monotonic() - started < 0.5


def test_most_of_a_long_silence_is_not_spent_waiting(
    settings: Settings, worker: redis.Redis
) -> None:
    waited_s = 0.0
    with silent(settings):
        end = time.monotonic() + 6
        while time.monotonic() < end:
            started = time.monotonic()
            with pytest.raises(redis.RedisError):
                worker.get("key")
            waited_s += time.monotonic() - started
            time.sleep(0.02)
    assert waited_s < 3
    deadline = time.monotonic() + 10
    while True:
        with contextlib.suppress(redis.RedisError):
            worker.get("key")
            break
        assert time.monotonic() < deadline, "it was not noticed that Redis is back"
        time.sleep(0.02)


def test_a_redis_that_died_is_started_again_by_the_call_that_meets_it(
    settings: Settings, worker: redis.Redis
) -> None:
    worker.set("key", "kept")
    server = RedisServer(settings.redis_folder)
    first = server.pid()
    kill(server)
    with pytest.raises(redis.ConnectionError):
        worker.get("key")
    assert worker.get("key") == b"kept"
    assert server.pid() != first


def test_a_folder_that_is_gone_is_waited_for_and_not_made_anew(
    settings: Settings, worker: redis.Redis
) -> None:
    server = RedisServer(settings.redis_folder)
    kill(server)
    unplugged = settings.home.with_name("unplugged")
    settings.home.rename(unplugged)
    try:
        with pytest.raises(ServiceUnavailableError, match="Connect its drive"):
            worker.get("key")
        with redis_errors_raise("Connect its drive"):
            worker.get("key")
        assert not settings.home.exists()
    finally:
        unplugged.rename(settings.home)
    deadline = time.monotonic() + 20
    while not server.is_running():
        with contextlib.suppress(redis.RedisError, ServiceUnavailableError):
            worker.get("key")
        assert time.monotonic() < deadline


@contextlib.contextmanager
def redis_errors_raise(said: str) -> Iterator[None]:
    with pytest.raises(ServiceUnavailableError, match=said), redis_errors():
        yield


def test_a_long_answer_is_cut_unless_it_is_asked_for_with_patience(
    settings: Settings, worker: redis.Redis
) -> None:
    with patience(worker):
        assert worker.blpop(["nothing"], timeout=1) is None
        Queue("many", connection=worker).enqueue_many([])
    with pytest.raises(redis.TimeoutError):
        worker.blpop(["nothing"], timeout=1)
