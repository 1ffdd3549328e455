"""The promise: whatever dies, every requested image ends up there exactly once."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from sdq_core.images.store import sweep_temporary_files
from tests.acceptance.program import Program, assert_whole, engines_of, stop


@pytest.mark.timeout(300)
def test_a_batch_survives_stops_and_kills_of_everything(program: Program, prompts: Path) -> None:
    program.call("submit", str(prompts), "--seed-range", "0-7", "--steps", "6")

    worker = program.start("worker")
    program.wait_for_images("prompts", 2)
    assert stop(worker) == 0
    after_stop = len(program.drawn("prompts"))
    assert 2 <= after_stop < 32

    worker = program.start("worker")
    program.wait_for_images("prompts", after_stop + 2)
    engines_of(worker)[0].kill()
    program.wait_for_images("prompts", after_stop + 6)

    redis_pid = program.redis.pid()
    assert redis_pid is not None
    os.kill(redis_pid, signal.SIGKILL)
    program.wait_for_images("prompts", after_stop + 8)

    worker.kill()
    worker.communicate()
    assert len(program.drawn("prompts")) < 32

    program.call("worker", "--burst")
    # A kill in the middle of a save leaves its temporary file, which is never taken for an image.
    sweep_temporary_files(program.home / "outputs", older_than_s=-1)
    assert_whole(program.home, program.drawn("prompts"), 32)
    status = program.call("status").stdout
    assert "completed" in status
    assert "100" in status
    with program.ledger() as ledger:
        assert ledger.work.open_slices() == []


def test_the_second_signal_stops_at_once_and_loses_nothing(program: Program, prompts: Path) -> None:
    program.call("submit", str(prompts), "--steps", "40")
    worker = program.start("worker")
    program.wait_until(lambda: bool(engines_of(worker)))
    program.wait_for_images("prompts", 1)
    worker.send_signal(signal.SIGINT)
    assert stop(worker, signal.SIGINT, timeout_s=10) in {0, 130}
    program.call("worker", "--burst")
    assert_whole(program.home, program.drawn("prompts"), 4)
