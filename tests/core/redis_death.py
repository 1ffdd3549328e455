"""The embedded Redis killed as by the system, at a moment when its log holds all that it was told."""

from __future__ import annotations

import time

import psutil

from sdq_core.queue.server import RedisServer


def kill(server: RedisServer) -> None:
    """Kill -9, once nothing is held back: while Redis forces a second's worth to disk, it keeps the next in memory."""
    pid = server.pid()
    assert pid is not None
    with server.client() as client:
        deadline = time.monotonic() + 30
        while client.info("persistence")["aof_buffer_length"]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    process = psutil.Process(pid)
    process.kill()
    process.wait(10)
