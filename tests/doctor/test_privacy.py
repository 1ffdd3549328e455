"""No secret gets into a report."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from sdq_core.queue.choice import program_for
from tests.acceptance.program import Program
from tests.doctor.reports import examined, facts


@contextlib.contextmanager
def guarded_redis(folder: Path, password: str) -> Iterator[int]:
    """A real Redis that asks for a password; gives its port."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    server = subprocess.Popen(
        [program_for(folder).path, "--port", str(port), "--bind", "127.0.0.1", "--requirepass", password,
         "--appendonly", "yes", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                with redis.Redis(port=port, password=password) as client:
                    client.ping()
                break
            except redis.exceptions.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield port
    finally:
        server.kill()
        server.wait()


def test_no_secret_and_no_name_of_a_home_is_told(program: Program, tmp_path: Path) -> None:
    home = tmp_path / "ann"
    home.mkdir()
    program.home = home / ".sdq"
    with guarded_redis(tmp_path, "pa55word-r") as port:
        secret = {
            "HOME": str(home),
            "HF_TOKEN": "hf_abcdefghijk",
            "SDQ_REDIS_URL": f"redis://:pa55word-r@127.0.0.1:{port}/0",
            "SDQ_DATABASE_URL": "postgresql://bob:pa55word-d@127.0.0.1:1/x?password=pa55word-q",
            # Not used, because others come first; no less secret.
            "REDIS_URL": "redis://:pa55word-u@elsewhere",
        }
        for extra in ((), ("--json",)):
            said = program.call("doctor", "--no-draw", *extra, code=1, **secret)
            told = said.stdout + said.stderr
            for word in ("pa55word", "hf_abc", "bob", str(home)):
                assert word not in told
            assert "~/.sdq" in told
        report = json.loads(said.stdout)
        assert facts(report, "redis")["state"] == "answers"
        assert facts(report, "hub")["token"] is True
        assert len(report["problems"]) == 1, "the ledger"

        wrong = secret | {"SDQ_REDIS_URL": f"redis://:pa55word-w@127.0.0.1:{port}/0"}
        said = program.call("doctor", "--no-draw", code=1, **wrong)
        assert "2 problems" in said.stdout
        assert "pa55word" not in said.stdout + said.stderr


def test_without_a_token_it_says_so(program: Program, tmp_path: Path) -> None:
    report = examined(program, "--no-draw", HF_HOME=str(tmp_path / "hf"), HF_TOKEN="")
    assert facts(report, "hub")["token"] is False
