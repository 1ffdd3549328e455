"""A worker beside a Redis that is there and silent: it draws what it has in hand, and ends when it is told to."""

from __future__ import annotations

import os
import signal
import time

from tests.acceptance.program import Program, assert_whole, stop


def test_a_silent_redis_keeps_a_worker_neither_from_drawing_nor_from_ending(
    program: Program,
) -> None:
    program.call(
        "submit", "--prompt", "the sea", "--seed", "0-11", "--steps", "4", "--batch", "sea"
    )
    worker = program.start("worker", "--threads", "1")
    program.wait_for_images("sea", 2)
    pid = program.redis.pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        before = len(program.drawn("sea"))
        program.wait_for_images("sea", before + 4)
        started = time.monotonic()
        assert stop(worker) == 0
        assert time.monotonic() - started < 15
    finally:
        os.kill(pid, signal.SIGCONT)
    program.call("worker", "--burst")
    assert_whole(program.home, program.drawn("sea"), 12)


def test_an_idle_worker_beside_a_silent_redis_ends_soon(program: Program) -> None:
    program.call("submit", "--prompt", "the sea", "--steps", "2", "--batch", "sea")
    worker = program.start("worker")
    program.wait_for_images("sea", 1)
    pid = program.redis.pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert stop(worker) == 0
        assert time.monotonic() - started < 10
    finally:
        os.kill(pid, signal.SIGCONT)
