"""The embedded Redis."""

from __future__ import annotations

import fcntl
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

from sdq_core.errors import (
    ConfigurationError,
    OutputError,
    ServiceUnavailableError,
    StorageError,
)
from sdq_core.queue.choice import program_for
from sdq_core.queue.server import RedisServer
from tests.chaos.place import small_disk
from tests.core.redis_death import kill

SOURCES = Path(__file__).parents[2]
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
        with pytest.raises(ServiceUnavailableError, match=f"\\(process {pid}\\) does not answer"):
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


def test_a_server_whose_socket_was_deleted_is_named_and_not_ended(server: RedisServer) -> None:
    server.ensure_running()
    pid = server.pid()
    server.socket.rename(server.socket.with_suffix(".away"))
    try:
        with pytest.raises(ServiceUnavailableError, match=f"process {pid}.*is gone"):
            server.ensure_running()
        with pytest.raises(ServiceUnavailableError, match="is gone"):
            server.stop()
        assert [process.pid for process in processes_of(server)] == [pid]
    finally:
        server.socket.with_suffix(".away").rename(server.socket)
    assert server.pid() == pid


def test_a_server_of_sdq_01_with_its_socket_elsewhere_is_named_and_not_doubled(
    tmp_path: Path,
) -> None:
    server = RedisServer(long_folder(tmp_path))
    server.folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="t") as temporary:
        former = f"{temporary}/short.sock"
        with (server.folder / "server.lock").open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            command = [str(program_for(server.folder).path), "--port", "0", "--unixsocket", former]
            process = subprocess.Popen(
                [*command, "--dir", str(server.folder), "--appendonly", "yes"],
                stdout=subprocess.DEVNULL,
                pass_fds=[lock.fileno()],
            )
            lock.write(str(process.pid))
        try:
            with pytest.raises(
                ServiceUnavailableError, match=f"process {process.pid}.*temporary folder"
            ):
                server.ensure_running()
            assert [found.pid for found in processes_of(server)] == [process.pid]
        finally:
            process.terminate()
            process.wait(10)
        server.ensure_running()
        server.stop()


def test_a_folder_has_one_server_however_it_is_spelled(tmp_path: Path) -> None:
    server = RedisServer(long_folder(tmp_path))
    server.folder.mkdir(parents=True)
    (tmp_path / "short").symlink_to(server.folder)
    (tmp_path / "parent").symlink_to(server.folder.parent)
    (tmp_path / "tmp").mkdir()
    spellings = [
        str(server.folder),
        str(tmp_path / "short"),
        str(tmp_path / "parent" / "redis"),
        os.path.relpath(server.folder, tmp_path),
        f"{server.folder}/../redis/",
    ]
    environments = [
        {},
        {"TMPDIR": str(tmp_path / "tmp")},
        {"TMPDIR": str(tmp_path / "none")},
        {"TMPDIR": str(server.folder)},  # too long itself
    ]
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", START, spelling],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(SOURCES)} | environment,
        )
        for number, spelling in enumerate(spellings)
        for environment in environments[number % 2 :: 2]
    ]
    try:
        assert [starter.wait(60) for starter in starters] == [0] * len(starters)
        (process,) = processes_of(server)
        assert {RedisServer(Path(spelling)).pid() for spelling in spellings[:3]} == {process.pid}
        assert server.socket.is_socket()
        assert not list((tmp_path / "tmp").iterdir())
    finally:
        server.stop()
    assert not processes_of(server)


def test_a_long_path_is_reached_where_no_temporary_folder_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = RedisServer(long_folder(tmp_path))
    server.ensure_running()
    try:
        monkeypatch.setattr(tempfile, "mkdtemp", no_place)
        with pytest.raises(redis.ConnectionError, match="neither /tmp nor TMPDIR can be written"):
            server.client().ping()
    finally:
        monkeypatch.undo()
        server.stop()


def no_place(*_: object, **__: object) -> str:
    raise PermissionError("read-only")


def test_a_number_in_a_file_is_nobodys_identity(server: RedisServer) -> None:
    with subprocess.Popen(["sleep", "60"]) as bystander:
        server.ensure_running()
        for name in ("redis.pid", "server.lock"):
            (server.folder / name).write_text(str(bystander.pid))
        server.stop()
        assert not processes_of(server)
        for name in ("redis.pid", "server.lock"):
            (server.folder / name).write_text(str(bystander.pid))
        server.stop()
        server.ensure_running()
        server.stop()
        assert bystander.poll() is None
        bystander.kill()


def test_a_data_folder_that_is_renamed_keeps_its_server(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "before" / "redis")
    server.ensure_running()
    pid = server.pid()
    (tmp_path / "before").rename(tmp_path / "after")
    moved = RedisServer(tmp_path / "after" / "redis")
    moved.ensure_running()
    assert moved.pid() == pid
    moved.stop()
    assert not moved.is_silent()


def test_a_server_that_died_is_revived_in_a_moment(server: RedisServer) -> None:
    server.ensure_running()
    kill(server)
    assert server.revive()
    assert server.is_running()
    assert not server.revive()


def test_reviving_waits_for_no_silent_server_and_for_no_starter(server: RedisServer) -> None:
    server.ensure_running()
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert not server.revive()
        assert time.monotonic() - started < 1
    finally:
        os.kill(pid, signal.SIGCONT)
    kill(server)
    with (server.folder / "start.lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert not server.revive()
    assert not server.is_running()


def test_reviving_makes_no_folder_anew(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "drive" / "redis")
    with pytest.raises(StorageError, match="Connect its drive"):
        server.revive()
    assert not (tmp_path / "drive").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_users_folder_is_neither_trusted_nor_written(server: RedisServer) -> None:
    server.ensure_running()
    server.folder.chmod(0o755)
    for path in (server.folder, *server.folder.parents[:4]):
        path.chmod(0o755)
    try:
        os.seteuid(65534)
        with pytest.raises(ConfigurationError, match="belongs to root"):
            server.ensure_running()
    finally:
        os.seteuid(0)


def test_a_file_that_redis_does_not_read_is_named_with_the_log(server: RedisServer) -> None:
    server.ensure_running()
    with redis.Redis.from_url(server.url) as client:
        client.set("key", "value")
    server.stop()
    (log,) = [path for path in server.folder.rglob("*.aof") if path.stat().st_size]
    log.write_bytes(b"nonsense" * 100)
    with pytest.raises(ServiceUnavailableError, match=r"did not start: .*redis\.log"):
        server.ensure_running()


def test_damage_at_the_end_of_a_long_file_is_noticed_although_it_answers_while_it_reads(
    server: RedisServer,
) -> None:
    server.ensure_running()
    with redis.Redis.from_url(server.url) as client:
        client.set("key", "value")
    server.stop()
    (log,) = [path for path in server.folder.rglob("*.aof") if path.stat().st_size]
    with log.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n" * 500_000 + b"nonsense\r\n")
    with pytest.raises(ServiceUnavailableError, match=r"did not start: .*redis\.log"):
        server.ensure_running()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Set SDQ_HOME"):
        RedisServer(tmp_path / "file" / "redis").ensure_running()
