"""Whoever asked for it is told once, by whichever worker is left."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import psutil
import pytest

from tests.acceptance.program import Program
from tests.notices.receiver import receiving


def test_a_killed_command_tells_as_far_as_it_came_and_one_of_two_workers_the_rest(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed, and what it started to tell with it, while the webhook has not answered."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    done = tmp_path / "done"
    reached, killed = threading.Event(), threading.Event()
    with receiving() as receiver:

        def answer(_number: int) -> int:
            if receiver.paths[-1] == "/hook" and not killed.is_set():
                reached.set()
                killed.wait(60)
            return 204

        receiver.answer = answer
        run = program.start(
            *("run", "--prompt", "the sea", "--steps", "2", "--batch", "b", "--quiet"),
            *("--webhook", f"{receiver.url}/hook", "--ping", f"{receiver.url}/check"),
            *("--on-done", f"cat >> {done}"),
        )  # fmt: skip
        assert reached.wait(60)
        assert run.poll() is None  # it waits for the receivers of its own batch
        children = psutil.Process(run.pid).children()
        (sender,) = [child for child in children if "sdq.notices" in child.cmdline()]
        run.kill()
        sender.kill()
        run.wait()
        killed.set()
        (before,) = [request for request in receiver.requests if request.path == "/hook"]

        workers = [program.start("worker", "--burst", log=tmp_path / "log") for _ in range(2)]
        assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
        assert Counter(receiver.paths) == {"/check/start": 1, "/hook": 2, "/check/0": 1}
        assert {request.headers["Webhook-Id"] for request in receiver.requests[1:3]} == {
            before.headers["Webhook-Id"]
        }
    summary = receiver.requests[-1].json
    assert (summary["sdq"]["name"], summary["request_counts"]["completed"]) == ("b", 1)
    assert done.read_text().count('"event": "completed"') == 1
    assert Path(summary["folder"]).is_dir()
    assert "http" not in (tmp_path / "log").read_text()
