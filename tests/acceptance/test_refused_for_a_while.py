"""What worked before and is refused or silent for a while is waited for; what never worked ends a command."""

from __future__ import annotations

import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from db.ledger import Ledger
from sdq_core.errors import EXIT_CONFIGURATION, EXIT_IO_ERROR, EXIT_USAGE
from tests.acceptance.program import Program, stop

#: One image of the demo model and a few seconds of a busy machine; without bounds it would be minutes.
_SOON_S = 20


def _draw(program: Program, *arguments: str, images: int = 400) -> Any:
    """Submit a batch and start a worker; return it when it has drawn something."""
    program.call("submit", "--prompt", "the sea", "--seed-range", f"0-{images - 1}", "--batch", "sea",
                "--steps", "8", "-q", *arguments)  # fmt: skip
    worker = program.start("worker", "--burst", "--threads", "1", *arguments)
    assert worker.stderr is not None
    for line in worker.stderr:
        if "seed 1" in line:
            return worker
    raise AssertionError("nothing was drawn")


def test_a_worker_waits_for_a_ledger_that_is_read_only_for_a_while(
    program: Program, postgres: Any
) -> None:
    postgres.psql("CREATE DATABASE readonly_nights;")
    url = postgres.get_uri(database="readonly_nights")
    worker = _draw(program, "--database-url", url, images=20)
    drop = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'readonly_nights';"
    )
    postgres.psql("ALTER DATABASE readonly_nights SET default_transaction_read_only = on;")
    postgres.psql(drop)
    assert any("is read-only" in line for line in worker.stderr)
    postgres.psql("ALTER DATABASE readonly_nights RESET default_transaction_read_only;")
    postgres.psql(drop)
    assert worker.wait(60) == 0
    with Ledger.open(url) as ledger:
        assert len(list(ledger.batches.images("sea"))) == 20


def test_a_worker_ends_soon_although_its_database_is_frozen(
    program: Program, tmp_path: Path
) -> None:
    pgserver = pytest.importorskip("pgserver")
    server = pgserver.get_server(tmp_path / "postgres")
    try:
        worker = _draw(program, "--database-url", server.get_uri())
        main = psutil.Process(server.get_pid())
        processes = [main, *main.children()]
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        assert any("Waiting for it to clear" in line for line in worker.stderr)
        began = time.monotonic()
        assert stop(worker) == 0
        assert time.monotonic() - began < _SOON_S
        for process in processes:
            process.send_signal(signal.SIGCONT)
    finally:
        server.cleanup()


def test_a_worker_ends_soon_although_its_ledger_is_locked(program: Program) -> None:
    worker = _draw(program)
    holder = sqlite3.connect(program.home / "sdq.db", isolation_level=None, timeout=30)
    holder.execute("BEGIN IMMEDIATE")
    assert any("is locked by another process" in line for line in worker.stderr)
    began = time.monotonic()
    assert stop(worker) == 0
    assert time.monotonic() - began < _SOON_S
    holder.execute("ROLLBACK")
    holder.close()


def test_a_key_that_was_never_granted_ends_a_burst(program: Program) -> None:
    program.redis.ensure_running()
    url = program.redis.url
    with redis.Redis.from_url(url) as client:
        for user, rights in (("all", ["~*"]), ("some", ["~rq:*"])):
            client.execute_command("ACL", "SETUSER", user, "on", ">pw", "+@all", *rights)
    program.call("submit", "--prompt", "x", "--steps", "2", "--redis-url", _as("all", url))
    for lanes in ((), ("--lanes", "original:ALL")):
        worker = ("worker", "--burst", *lanes, "--redis-url", _as("some", url))
        ended = program.run(*worker, code=EXIT_CONFIGURATION)
        assert "`EVAL sdq:" in ended.stderr
        assert "SDQ_REDIS_URL" in ended.stderr
    program.call("worker", "--burst", "--threads", "1", "--redis-url", _as("all", url))
    assert len(program.drawn("prompt")) == 1


def _as(user: str, url: str) -> str:
    return url.replace("unix://", f"unix://{user}:pw@")


@pytest.mark.parametrize("command", [("status",), ("status", "--json"), ("--help",)])
def test_a_full_disk_behind_the_output_is_no_bug_of_sdq(
    program: Program, command: tuple[str, ...]
) -> None:
    with Path("/dev/full").open("w") as full:
        process = program.start(*command, stdout=full)
        _, said = process.communicate(timeout=60)
    assert process.returncode == EXIT_IO_ERROR
    assert said == "sdq: the output cannot be written (No space left on device). Nothing is lost.\n"


def test_a_full_standard_error_changes_no_exit_code_and_stops_no_worker(program: Program) -> None:
    program.call("submit", "--prompt", "the sea", "--steps", "2", "--batch", "sea", "-q")
    with Path("/dev/full").open("w") as full:
        for command, code in ((("nonsense",), EXIT_USAGE), (("worker", "--burst", "--threads", "1"), 0)):  # fmt: skip
            assert program.start(*command, stderr=full).wait(60) == code
    assert len(program.drawn("sea")) == 1
