"""A Redis that is set up to forget is named, with the next step."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from sdq_core.queue.choice import program_for
from sdq_core.queue.retention import what_it_forgets
from tests.acceptance.program import Program
from tests.core.test_loading import wait_for
from tests.doctor.reports import examined


@contextlib.contextmanager
def started(folder: Path, *options: str) -> Iterator[str]:
    """A Redis of the user's own with these options; yields its URL."""
    place = folder / "r.sock"
    command = [program_for(folder / "none").path, "--port", "0", "--unixsocket", place]
    with subprocess.Popen(
        [*command, "--dir", folder, *options], stdout=subprocess.DEVNULL
    ) as server:
        wait_for(place)
        yield f"unix://{place}"
        server.kill()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--appendonly", "yes", "--save", ""), ()),
        (("--save", "3600 1"), ()),
        (("--save", ""), ("writes nothing to disk",)),
        (("--maxmemory-policy", "allkeys-lru"), ("deletes queued slices",)),
        (("--maxmemory-policy", "volatile-ttl"), ("deletes workers' heartbeats",)),
        (
            ("--maxmemory-policy", "allkeys-lru", "--save", ""),
            ("noeviction", "appendonly yes"),
        ),
    ],
)
def test_a_setting_that_forgets_is_named(
    tmp_path: Path, options: tuple[str, ...], said: tuple[str, ...]
) -> None:
    with started(tmp_path, *options) as url, redis.Redis.from_url(url) as client:
        sentences = what_it_forgets(client)
        assert len(sentences) == len(said)
        for sentence, part in zip(sentences, said, strict=True):
            assert part in sentence


def test_what_may_not_be_read_is_left_out(tmp_path: Path) -> None:
    with started(tmp_path, "--maxmemory-policy", "allkeys-lru", "--save", "") as url:
        with redis.Redis.from_url(url) as client:
            client.acl_setuser("lookonly", enabled=True, nopass=True, commands=["+info", "+ping"])
            client.acl_setuser("blind", enabled=True, nopass=True, commands=["+ping"])
        with redis.Redis.from_url(url, username="lookonly", password="x") as client:
            (eviction,) = what_it_forgets(client)
            assert "allkeys-lru" in eviction
        with redis.Redis.from_url(url, username="blind", password="x") as client:
            assert what_it_forgets(client) == []


def test_doctor_and_worker_say_so(program: Program, tmp_path: Path) -> None:
    with started(tmp_path, "--maxmemory-policy", "allkeys-lru") as url:
        (problem,) = examined(program, "--no-draw", code=1, SDQ_REDIS_URL=url)["problems"]
        assert "allkeys-lru" in problem
        log = program.call("worker", "--burst", SDQ_REDIS_URL=url).stderr
    assert log.count("allkeys-lru") == 1
