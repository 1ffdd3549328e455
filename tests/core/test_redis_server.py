"""The embedded Redis."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from sdq_core.errors import ConfigurationError, OutputError, ServiceUnavailableError
from sdq_core.queue.server import RedisServer
from tests.chaos.place import small_disk
from tests.core.redis_death import kill

START = (
    "import sys; from pathlib import Path; from sdq_core.queue.server import RedisServer; "
    "RedisServer(Path(sys.argv[1])).ensure_running()"
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that is not running yet."""
    server = RedisServer(tmp_path / "redis")
    yield server
    server.stop()


@pytest.fixture
def short_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the sockets whose data folder has a long path, in a temporary folder of this test's own."""
    with tempfile.TemporaryDirectory(prefix="t") as temporary:
        monkeypatch.setattr(tempfile, "tempdir", temporary)
        yield Path(temporary) / f"sdq-{os.getuid()}"


def long_folder(tmp_path: Path) -> Path:
    return tmp_path / ("long" * 30) / "redis"


def processes_of(server: RedisServer) -> list[psutil.Process]:
    """The server processes that work in the server's folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == server.folder:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_many_starters_at_once_start_one_that_outlives_them_all(server: RedisServer) -> None:
    starters = [subprocess.Popen([sys.executable, "-c", START, server.folder]) for _ in range(4)]
    assert [starter.wait(60) for starter in starters] == [0] * 4
    assert server.is_running()
    assert [process.pid for process in processes_of(server)] == [server.pid()]


def test_it_is_private_and_keeps_what_it_is_told(server: RedisServer) -> None:
    server.ensure_running()
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
    pid = server.pid()
    assert pid is not None
    assert not [c for c in psutil.Process(pid).net_connections("inet") if c.status == "LISTEN"]
    with redis.Redis.from_url(server.url) as client:
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert client.config_get("appendonly")["appendonly"] == "yes"


def test_two_that_use_a_folder_share_its_server(server: RedisServer) -> None:
    server.ensure_running()
    pid = server.pid()
    other = RedisServer(server.folder)
    other.ensure_running()
    assert other.pid() == pid
    with redis.Redis.from_url(server.url) as ours, redis.Redis.from_url(other.url) as theirs:
        ours.set("key", "value")
        assert theirs.get("key") == b"value"


def test_two_folders_have_two_servers(server: RedisServer, tmp_path: Path) -> None:
    other = RedisServer(tmp_path / "other")
    try:
        server.ensure_running()
        other.ensure_running()
        assert server.pid() != other.pid()
        other.stop()
        assert server.is_running()
    finally:
        other.stop()


def test_a_kill_loses_nothing_that_was_written(server: RedisServer) -> None:
    server.ensure_running()
    with redis.Redis.from_url(server.url) as client:
        for number in range(1000):
            client.rpush("list", number)
    kill(server)
    assert server.socket.exists()
    assert not server.is_running()
    server.ensure_running()
    with redis.Redis.from_url(server.url) as client:
        assert client.llen("list") == 1000


def test_a_file_that_was_cut_off_in_a_write_is_read_up_to_there(server: RedisServer) -> None:
    server.ensure_running()
    with redis.Redis.from_url(server.url) as client:
        client.set("first", "1")
        client.set("last", "1")
    kill(server)
    (log,) = [path for path in server.folder.rglob("*.aof") if path.stat().st_size]
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size - 3)
    server.ensure_running()
    with redis.Redis.from_url(server.url) as client:
        assert client.keys() == [b"first"]


def test_stopped_it_is_gone_and_started_again_it_knows_all(server: RedisServer) -> None:
    server.stop()  # nothing runs: nothing happens
    server.ensure_running()
    with redis.Redis.from_url(server.url) as client:
        client.set("key", "value")
    server.stop()
    assert not server.is_running()
    server.stop()
    server.ensure_running()
    with redis.Redis.from_url(server.url) as client:
        assert client.get("key") == b"value"


def test_stopping_does_not_kill_whoever_has_the_former_servers_number(server: RedisServer) -> None:
    server.ensure_running()
    kill(server)
    with subprocess.Popen(["sleep", "60"]) as bystander:
        (server.folder / "redis.pid").write_text(str(bystander.pid))
        server.stop()
        assert bystander.poll() is None
        bystander.kill()


def test_a_frozen_server_is_waited_for_no_longer_than_needed(server: RedisServer) -> None:
    server.ensure_running()
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert not server.is_running()
        assert time.monotonic() - started < 10
    finally:
        os.kill(pid, signal.SIGCONT)
    assert server.is_running()


def test_a_frozen_server_gets_no_second_one_beside_it(server: RedisServer) -> None:
    server.ensure_running()
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(ServiceUnavailableError, match=f"does not answer \\(process {pid}\\)"):
            server.ensure_running()
        assert [process.pid for process in processes_of(server)] == [pid]
    finally:
        os.kill(pid, signal.SIGCONT)
    server.ensure_running()
    assert server.pid() == pid


def test_a_full_disk_keeps_no_server_from_starting(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size_mib=1) as mounted:
        if not mounted:
            pytest.skip("a small file system can be mounted only by root on Linux")
        server = RedisServer(tmp_path / "disk" / "redis")
        server.ensure_running()
        kill(server)
        (tmp_path / "disk" / "redis" / "server.lock").write_bytes(b"")
        filler = tmp_path / "disk" / "filler"
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(bytes(2**20))
        server.ensure_running()
        assert server.is_running()
        kill(server)


def test_a_server_whose_socket_was_tidied_away_is_replaced(server: RedisServer) -> None:
    server.ensure_running()
    with redis.Redis.from_url(server.url) as client:
        client.set("kept", "yes")
    first = server.pid()
    server.socket.unlink()
    server.ensure_running()
    assert server.pid() != first
    assert len(processes_of(server)) == 1
    with redis.Redis.from_url(server.url) as client:
        assert client.get("kept") == b"yes"


def test_a_long_path_gets_a_short_private_socket(tmp_path: Path, short_sockets: Path) -> None:
    server = RedisServer(long_folder(tmp_path))
    assert len(os.fsencode(server.socket)) <= 103
    assert server.socket.parent == short_sockets
    server.ensure_running()
    try:
        assert stat.S_IMODE(short_sockets.stat().st_mode) == 0o700
        assert RedisServer(long_folder(tmp_path)).is_running()
        assert RedisServer(long_folder(tmp_path / "other")).socket != server.socket
    finally:
        server.stop()


def test_a_socket_folder_that_is_open_to_others_is_refused(
    tmp_path: Path, short_sockets: Path
) -> None:
    server = RedisServer(long_folder(tmp_path))
    short_sockets.mkdir()
    short_sockets.chmod(0o777)
    with pytest.raises(ConfigurationError, match=f"chmod 700 {short_sockets}"):
        server.ensure_running()
    assert not server.socket.exists()


def test_a_server_that_somebody_put_into_an_open_socket_folder_is_not_trusted(
    tmp_path: Path, short_sockets: Path
) -> None:
    server = RedisServer(long_folder(tmp_path))
    server.ensure_running()
    try:
        short_sockets.chmod(0o777)
        with pytest.raises(ConfigurationError, match="open to other users"):
            server.ensure_running()
    finally:
        server.stop()


def test_a_file_that_redis_does_not_read_is_named_with_the_log(server: RedisServer) -> None:
    server.ensure_running()
    with redis.Redis.from_url(server.url) as client:
        client.set("key", "value")
    server.stop()
    (log,) = [path for path in server.folder.rglob("*.aof") if path.stat().st_size]
    log.write_bytes(b"nonsense" * 100)
    with pytest.raises(ServiceUnavailableError, match=r"did not start: .*redis\.log"):
        server.ensure_running()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Set SDQ_HOME"):
        RedisServer(tmp_path / "file" / "redis").ensure_running()
