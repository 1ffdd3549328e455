"""A worker that dies is followed within seconds, and only the image that it died with is blamed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import redis
from sqlalchemy import select

from db.tables import engines, images
from sdq_core.queue.queues import Queues
from tests.acceptance.program import Program, assert_whole, engines_of, stop

#: The goal is 2 s on a machine of its own; a machine that runs a whole suite is slower.
SOON_S = 15.0

TOOK_OVER = re.compile(r"Took over 1 slice\(s\) of \S+, which died")


def submit(program: Program, *, images: int, steps: int, prompts: int = 1) -> None:
    words = [word for number in range(prompts) for word in ("--prompt", f"the sea {number}")]
    program.call(
        "submit", *words, "--seed-range", f"0-{images - 1}", "--steps", str(steps), "--batch", "b"
    )


def start_worker(program: Program, log: Path, *options: str) -> subprocess.Popen[str]:
    return program.start("worker", "--threads", "1", *options, log=log)


def claims(program: Program) -> dict[int, str]:
    with program.ledger() as ledger, redis.Redis.from_url(program.redis.url) as client:
        return Queues(client, ledger.id).claims.workers()


def attempts(program: Program) -> dict[int, int]:
    """How often each seed of the first slice was tried."""
    with program.ledger() as ledger:
        slice_ = ledger.work.load_slice(1)
        assert slice_ is not None
        return dict(ledger.work.progress(slice_).attempts)


def kill(*workers: subprocess.Popen[str]) -> None:
    for worker in workers:
        worker.kill()
    for worker in workers:
        worker.wait()


def test_an_idle_worker_takes_over_within_seconds(program: Program, tmp_path: Path) -> None:
    submit(program, images=3, steps=1000)
    first = start_worker(program, tmp_path / "first.log")
    program.wait_until(lambda: attempts(program).get(0) == 1)
    second = start_worker(program, tmp_path / "second.log")
    (holder,) = set(claims(program).values())
    time.sleep(2)  # idle for a while
    assert sys.platform != "linux" or psutil.Process(second.pid).num_threads() == 1
    kill(first)
    died = time.monotonic()
    program.wait_until(lambda: set(claims(program).values()) not in (set(), {holder}))
    assert time.monotonic() - died < SOON_S
    assert TOOK_OVER.search((tmp_path / "second.log").read_text())
    program.wait_until(lambda: attempts(program).get(0) == 2)
    kill(second)


def test_a_busy_worker_takes_over_beside_its_own_slice(program: Program, tmp_path: Path) -> None:
    submit(program, images=2, steps=1000, prompts=2)
    first = start_worker(program, tmp_path / "first.log")
    program.wait_until(lambda: len(claims(program)) == 1)
    second = start_worker(program, tmp_path / "second.log")
    program.wait_until(lambda: len(set(claims(program).values())) == 2)
    kill(first)
    died = time.monotonic()
    program.wait_until(
        lambda: len(set(claims(program).values())) == 1 and len(claims(program)) == 2
    )
    assert time.monotonic() - died < SOON_S
    kill(second)


def test_a_worker_that_starts_finds_those_that_died_before(
    program: Program, tmp_path: Path
) -> None:
    submit(program, images=2, steps=4)
    kill_once_begun(program, tmp_path / "first.log")
    started = time.monotonic()
    program.call("worker", "--burst")
    assert time.monotonic() - started < SOON_S + 5
    assert_whole(program.home, program.drawn("b"), 2)
    assert list((program.home / "workers").iterdir()) == []
    with redis.Redis.from_url(program.redis.url) as client:
        assert not client.exists("rq:workers")


def test_the_neighbour_of_an_image_that_kills_its_worker_is_not_blamed(
    program: Program, tmp_path: Path
) -> None:
    submit(program, images=3, steps=1000)
    for death in (1, 2, 3):
        kill_once_begun(program, tmp_path / "log", tries=death)
        assert attempts(program).get(0) == death
        assert not attempts(program).get(1)
    worker = start_worker(program, tmp_path / "last.log")
    program.wait_until(lambda: attempts(program).get(1) == 1)
    kill(worker)
    assert "Gave up on image b/1 seed 0 after 3 attempt(s)" in (tmp_path / "last.log").read_text()


def test_three_power_cuts_are_no_images_fault(program: Program, tmp_path: Path) -> None:
    submit(program, images=2, steps=1000)
    for _ in range(3):
        worker = start_worker(program, tmp_path / "log")
        program.wait_until(lambda worker=worker: begun_by(program, worker))
        server = program.redis.pid()
        assert server is not None
        for pid in (worker.pid, server, *(engine.pid for engine in engines_of(worker))):
            os.kill(pid, signal.SIGKILL)
        worker.wait()
    worker = start_worker(program, tmp_path / "log")
    program.wait_until(lambda: begun_by(program, worker))
    assert attempts(program)[0] == 1
    kill(worker)


def test_three_stops_by_force_are_no_images_fault(program: Program, tmp_path: Path) -> None:
    submit(program, images=2, steps=1000)
    for _ in range(3):
        worker = start_worker(program, tmp_path / "log")
        program.wait_until(lambda: attempts(program).get(0) == 1)
        worker.terminate()
        program.wait_until(lambda: attempts(program).get(0) == 0)
        kill(worker)
    assert attempts(program)[0] == 0


def test_somebody_who_kills_all_workers_blames_no_image(program: Program, tmp_path: Path) -> None:
    submit(program, images=1, steps=1000, prompts=2)
    for _ in range(3):
        workers = [start_worker(program, tmp_path / "log") for _ in range(2)]
        program.wait_until(lambda workers=workers: all(begun_by(program, one) for one in workers))
        kill(*workers)
    worker = start_worker(program, tmp_path / "log")
    program.wait_until(lambda: begun_by(program, worker))
    assert attempts(program)[0] <= 1
    kill(worker)


def test_a_worker_that_slept_leaves_its_slice_to_the_one_that_took_over(
    program: Program, tmp_path: Path
) -> None:
    submit(program, images=2, steps=60)
    first = start_worker(program, tmp_path / "first.log")
    program.wait_until(lambda: attempts(program).get(0) == 1)
    asleep = [first.pid, *(engine.pid for engine in engines_of(first))]
    for process in asleep:
        os.kill(process, signal.SIGSTOP)
    (holder,) = set(claims(program).values())
    second = start_worker(program, tmp_path / "second.log", "--burst")
    program.wait_until(lambda: set(claims(program).values()) not in (set(), {holder}))
    for process in asleep:
        os.kill(process, signal.SIGCONT)
    assert second.wait(timeout=110) == 0
    assert stop(first) == 0
    assert_whole(program.home, program.drawn("b"), 2)
    log = (tmp_path / "first.log").read_text()
    assert "Another worker took over slice 1" in log
    assert set(re.findall(r"seed (\d+)$", log, re.MULTILINE)) <= {"0"}, "only the image in hand"


def kill_once_begun(program: Program, log: Path, *, tries: int = 1) -> None:
    worker = start_worker(program, log)
    program.wait_until(lambda: attempts(program).get(0) == tries)
    kill(worker)


def begun_by(program: Program, worker: subprocess.Popen[str]) -> bool:
    """Whether an engine of a worker has begun an image."""
    with program.ledger() as ledger, ledger._database.reading() as connection:
        begun = select(engines.c.worker).join_from(images, engines)
        return any(f"-{worker.pid}-" in name for name in connection.scalars(begun))
