"""The embedded Redis."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from sdq.errors import ConfigurationError
from sdq.redis_server import RedisServer, find_redis_server


def test_it_is_private_and_outlives_its_starter(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    code = (
        "import sys; from pathlib import Path; from sdq.redis_server import RedisServer; "
        "RedisServer(Path(sys.argv[1])).ensure_running()"
    )
    starters = [subprocess.Popen([sys.executable, "-c", code, server.folder]) for _ in range(4)]
    try:
        assert [starter.wait(60) for starter in starters] == [0] * 4
        assert server.is_running()
        assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
        with redis.Redis.from_url(server.url) as client:
            assert client.config_get("port")["port"] == "0"
            assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
    finally:
        server.stop()
    assert not server.is_running()


def test_a_kill_loses_nothing(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.set("key", "value")
    pid = redis_server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    redis_server.ensure_running()
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.get("key") == b"value"


def test_a_long_path_gets_a_short_private_socket(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / ("long" * 30) / "redis")
    assert len(os.fsencode(server.socket)) <= 103
    server.ensure_running()
    try:
        assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
    finally:
        server.stop()


def test_without_the_program_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sdq.redis_server._WHEELS", ())
    with pytest.raises(ConfigurationError, match="SDQ_REDIS_URL"):
        find_redis_server()
