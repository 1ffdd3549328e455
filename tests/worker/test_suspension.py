"""`rq suspend` and `rq resume` hold for sdq's workers as for any other."""

from __future__ import annotations

import signal
import time

import redis
from rq.suspension import resume, suspend

from tests.acceptance.program import Program, assert_whole


def test_a_suspended_worker_rests_until_it_is_resumed(program: Program) -> None:
    program.call(
        "submit", "--prompt", "a house", "--seed-range", "0-3", "--steps", "2", "--batch", "b"
    )
    with redis.Redis.from_url(program.redis.url) as client:
        suspend(client)
        worker = program.start("worker", "--burst")
        program.wait_until(lambda: client.scard("rq:workers") == 1)
        time.sleep(3)  # longer than it takes to load the model and draw all
        assert program.drawn("b") == []
        assert worker.poll() is None
        resume(client)
    _, log = worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert_whole(program.home, program.drawn("b"), 4)
    assert log.count("Suspended by `rq suspend`. Waiting for `rq resume`.") == 1
    assert log.count("No longer suspended; continuing.") == 1


def test_a_suspended_worker_can_be_stopped(program: Program) -> None:
    program.call("submit", "--prompt", "a house", "--steps", "2", "--batch", "b")
    with redis.Redis.from_url(program.redis.url) as client:
        suspend(client)
        worker = program.start("worker")
        program.wait_until(lambda: client.scard("rq:workers") == 1)
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=15)
    assert worker.returncode == 0
    assert program.drawn("b") == []
