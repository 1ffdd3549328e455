"""Redis and the ledger: which, and whether they can be used."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from db.ledger import Ledger
from tests.acceptance.program import Program
from tests.doctor.reports import examined, facts


def test_an_embedded_redis_that_hangs_is_named(program: Program) -> None:
    program.run("services", "start")
    pid = program.redis.pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        (problem,) = examined(program, "--no-draw", code=1)["problems"]
    finally:
        os.kill(pid, signal.SIGCONT)
    assert f"The embedded Redis (process {pid}) does not answer." in problem
    assert examined(program, "--no-draw")["problems"] == []


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("exit 1", "bin/redis-server cannot be run"),
        ("echo Redis server v=6.0.16 sha=0", "Redis 6.0.16 is too old; sdq needs 6.2"),
    ],
)
def test_a_redis_server_that_is_of_no_use_is_named(
    program: Program, tmp_path: Path, script: str, says: str
) -> None:
    found = tmp_path / "bin" / "redis-server"
    found.parent.mkdir()
    found.write_text(f"#!/bin/sh\n{script}\n")
    found.chmod(0o755)
    path = f"{found.parent}:{os.environ['PATH']}"
    (problem,) = examined(program, "--no-draw", code=1, PATH=path)["problems"]
    assert says in problem


def test_a_postgresql_is_looked_at_and_stays_empty(program: Program, postgres: Any) -> None:
    postgres.psql("CREATE DATABASE doctor;")
    url = postgres.get_uri(database="doctor")
    ledger = facts(examined(program, "--no-draw", SDQ_DATABASE_URL=url), "ledger")
    assert ledger["kind"].startswith("PostgreSQL ")
    assert ledger["state"] == "answers, but is empty"
    Ledger.open(url).close()
    ledger = facts(examined(program, "--no-draw", SDQ_DATABASE_URL=url), "ledger")
    assert ledger["state"] == "answers"
