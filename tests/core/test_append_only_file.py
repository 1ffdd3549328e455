"""Files that another server wrote: opened, or named with the next step."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from rq.job import Job
from rq.serializers import JSONSerializer

from sdq_core.errors import ConfigurationError, ServiceUnavailableError
from sdq_core.queue.append_only_file import overlooked
from sdq_core.queue.program import ServerProgram
from sdq_core.queue.queues import FORMER_DRAW_SLICE, Queues
from sdq_core.queue.server import RedisServer
from tests.acceptance.program import Program

#: By Redis 6.2.14, as redis_6_2/record.sh did it.
RECORDED = Path(__file__).parent / "redis_6_2" / "appendonly.aof"
RECORDED_LEDGER = "4876cd169144"

BASE = "appendonlydir/appendonly.aof.1.base.rdb"


@pytest.fixture(autouse=True)
def only_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server on the PATH: the files here are the wheel's."""
    monkeypatch.setenv("PATH", "")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that is not running yet."""
    server = RedisServer(tmp_path / "redis")
    yield server
    server.stop()


def sign(folder: Path, signature: bytes, writer: bytes = b"") -> None:
    """Let the base file begin as if another server had written it."""
    base = folder / BASE
    written = base.read_bytes()
    assert written.startswith(b"VALKEY080")
    if writer:
        written = re.sub(rb"valkey-ver.[\d.]+", writer, written, flags=re.DOTALL)
    base.write_bytes(signature + written[len(signature) :])


def named(kind: str, version: str) -> ServerProgram:
    return ServerProgram(path=Path("/usr/bin/server"), kind=kind, version=version)


def test_what_the_former_server_wrote_is_opened_with_all_jobs(server: RedisServer) -> None:
    server.folder.mkdir()
    shutil.copy(RECORDED, server.folder)
    for _ in range(2):  # and again, after it has become the new server's own
        server.ensure_running()
        with redis.Redis.from_url(server.url) as client:
            queues = Queues(client, RECORDED_LEDGER)
            assert queues.holdings().waiting == {1, 2, 3, 4, 5}
            job = Job.fetch(queues.job_id(5), connection=client, serializer=JSONSerializer)
            assert (job.func_name, list(job.args)) == (FORMER_DRAW_SLICE, [5])
        server.stop()


@pytest.mark.parametrize(
    ("signature", "writer", "said"),
    [
        (b"VALKEY999", b"valkey-ver\x059.9.9", "Valkey 9.9.9"),
        (b"REDIS0012", b"redis-ver\x058.0.1", "Redis 8.0.1"),
        (b"REDIS0012", b"nothing-is-said", "another server"),
    ],
)
def test_a_format_that_the_server_does_not_know_is_named_at_once(
    server: RedisServer, signature: bytes, writer: bytes, said: str
) -> None:
    server.ensure_running()
    server.stop()
    sign(server.folder, signature, writer)
    started = time.monotonic()
    with pytest.raises(ConfigurationError) as raised:
        server.ensure_running()
    assert time.monotonic() - started < 10
    place = server.folder / "appendonlydir"
    assert f"cannot read {place}, which {said} wrote. Put that server on the PATH" in str(
        raised.value
    )
    assert f"delete {place}: the next `sdq worker` queues everything" in str(raised.value)


def test_the_next_step_helps(program: Program) -> None:
    program.call("submit", "--prompt", "the sea", "--steps", "2", "--batch", "mine")
    program.call("redis", "stop")
    sign(program.redis.folder, b"VALKEY999")
    refused = program.call("submit", "--prompt", "a tent", "--batch", "mine", code=78).stderr
    assert len(refused.splitlines()) == 1
    assert f"cannot read {program.redis.folder / 'appendonlydir'}" in refused
    shutil.rmtree(program.redis.folder / "appendonlydir")
    program.call("worker", "--burst")
    assert len(program.drawn("mine")) == 1


def test_a_refusal_of_the_past_does_not_explain_the_failure_of_today(server: RedisServer) -> None:
    server.ensure_running()
    server.stop()
    sign(server.folder, b"VALKEY999")
    with pytest.raises(ConfigurationError):
        server.ensure_running()
    (server.folder / BASE).write_bytes(b"nonsense")
    with pytest.raises(ServiceUnavailableError, match="did not start: Bad file format"):
        server.ensure_running()


@pytest.mark.parametrize(
    ("kind", "version", "may"),
    [("Redis", "6.2.14", False), ("Redis", "7.0.15", False), ("Redis", "8.2.1", False),
     ("Valkey", "8.1.4", False), ("Valkey", "9.0.0", True), ("Valkey", "10.1.0", True)],
)  # fmt: skip
def test_no_server_is_let_near_what_it_would_overlook_or_call_damaged(
    server: RedisServer, kind: str, version: str, may: bool
) -> None:
    program = named(kind, version)
    assert overlooked(server.folder, program) is None  # nothing is there
    server.ensure_running()
    server.stop()
    reason = overlooked(server.folder, program)
    assert (reason is None) is may
    if reason:
        assert reason.startswith(f"{kind} {version} cannot read {server.folder}/appendonlydir, ")


@pytest.mark.parametrize(("version", "may"), [("6.2.14", False), ("7.0.15", True)])
def test_a_server_reads_on_what_its_own_kind_wrote(
    server: RedisServer, version: str, may: bool
) -> None:
    server.ensure_running()
    server.stop()
    sign(server.folder, b"REDIS0010")
    assert (overlooked(server.folder, named("Redis", version)) is None) is may


def test_every_server_may_read_what_lies_beside_the_folder(server: RedisServer) -> None:
    server.folder.mkdir()
    shutil.copy(RECORDED, server.folder)
    for kind, version in (("Redis", "6.2.14"), ("Redis", "8.2.1"), ("Valkey", "9.1.2")):
        assert overlooked(server.folder, named(kind, version)) is None


@pytest.mark.parametrize("version", ["6.2.14", "7.0.15"])
def test_an_older_server_on_the_path_is_passed_over(
    server: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    version: str,
) -> None:
    server.ensure_running()
    server.stop()
    older = tmp_path / "bin" / "redis-server"
    older.parent.mkdir()
    older.write_text(f"#!/bin/sh\necho Redis server v={version}; echo >{tmp_path}/$#\n")
    older.chmod(0o755)
    monkeypatch.setenv("PATH", str(older.parent))
    with caplog.at_level("INFO"):
        server.ensure_running()
    (said,) = caplog.messages
    assert said.startswith(f"Passed over {older}: Redis {version} cannot read {server.folder}")
    assert "which Valkey 9" in said
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["1"]  # --version only
