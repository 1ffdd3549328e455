"""A Redis that has just been started over a large file is up, but not ready: it is waited for."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from sdq_core.errors import ServiceUnavailableError
from sdq_core.queue.choice import program_for
from sdq_core.queue.connection import connect
from sdq_core.settings import Settings, read_settings

KEYS = 1000


@pytest.fixture
def loading(tmp_path: Path) -> Iterator[Settings]:
    """A server that needs some seconds to load a thousand keys, and answers meanwhile."""
    program = program_for(tmp_path / "none").path
    place = tmp_path / "r.sock"
    command = [str(program), "--port", "0", "--unixsocket", str(place), "--dir", str(tmp_path)]
    settings = read_settings({"SDQ_HOME": str(tmp_path), "SDQ_REDIS_URL": f"unix://{place}"})
    with subprocess.Popen([*command, "--save", ""], stdout=subprocess.DEVNULL) as server:
        client = redis.Redis(unix_socket_path=str(place))
        wait_for(place)
        client.mset({f"key {number}": "x" * 1000 for number in range(KEYS)})
        client.save()
        client.shutdown(nosave=True)
        server.wait(timeout=10)
    slow = ["--key-load-delay", "1500", "--loading-process-events-interval-bytes", "1024"]
    with subprocess.Popen([*command, *slow], stdout=subprocess.DEVNULL) as server:
        wait_for(place)
        yield settings
        server.kill()


def wait_for(place: Path) -> None:
    deadline = time.monotonic() + 10
    while not place.exists():
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)


def test_a_command_waits_until_redis_has_loaded_its_file(
    loading: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ServiceUnavailableError, match="loading"):
        connect(loading, wait_until_loaded=False)
    with connect(loading) as connection:
        assert connection.dbsize() == KEYS
    assert caplog.messages == ["Redis is loading its file. Waiting until it is ready."]
