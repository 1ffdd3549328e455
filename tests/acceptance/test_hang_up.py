"""A terminal that closes ends drawing in order, as Ctrl-C does; under `nohup` it ends nothing."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.program import Program, assert_whole, stop

LANES = ("--lanes", "original:CPU_AND_GPU,split_einsum:CPU_AND_NE")


def attempts_without_an_image(program: Program) -> int:
    """How many images were tried and not drawn: a stop in order leaves none."""
    with program.ledger() as ledger:
        open_slices = [ledger.work.load_slice(ref.id) for ref in ledger.work.open_slices()]
        progress = [ledger.work.progress(slice_) for slice_ in open_slices if slice_]
    return sum(
        count
        for each in progress
        for seed, count in each.attempts.items()
        if seed not in each.settled
    )


@pytest.mark.parametrize("arguments", [("worker",), ("worker", *LANES)], ids=["worker", "lanes"])
def test_a_worker_finishes_its_image_and_hands_the_rest_back(
    program: Program, arguments: tuple[str, ...]
) -> None:
    any_variant = ("--variant", "any") if len(arguments) > 1 else ()
    options = ("--seed-range", "0-4", "--steps", "30", "--batch", "b", *any_variant)
    program.call("submit", "--prompt", "a house", *options)
    worker = program.start(*arguments)
    program.wait_for_images("b", 1)
    assert stop(worker, signal.SIGHUP) == 0
    assert 1 <= len(program.drawn("b")) < 5
    assert attempts_without_an_image(program) == 0
    program.call("worker", "--burst")
    assert_whole(program.home, program.drawn("b"), 5)


def test_run_goes_on_where_a_closed_terminal_stopped_it(program: Program) -> None:
    command = ("run", "--prompt", "a house", "--seed-range", "0-4", "--steps", "30", "--batch", "b")
    running = program.start(*command, stdout=subprocess.PIPE)
    program.wait_until(lambda: (program.home / "sdq.db").exists() and has_drawn(program))
    assert stop(running, signal.SIGHUP) == 0
    assert 1 <= len(program.drawn("b")) < 5
    assert attempts_without_an_image(program) == 0
    program.call(*command)
    assert_whole(program.home, program.drawn("b"), 5)


def has_drawn(program: Program) -> bool:
    with program.ledger() as ledger:
        return ledger.batches.find("b") is not None and bool(program.drawn("b"))


def test_a_hang_up_that_is_ignored_stops_nothing(program: Program, tmp_path: Path) -> None:
    options = ("--seed-range", "0-3", "--steps", "20", "--batch", "b")
    program.call("submit", "--prompt", "a house", *options)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # inherited, as from `nohup`
    try:
        worker = program.start("worker", "--burst")
    finally:
        signal.signal(signal.SIGHUP, before)
    program.wait_for_images("b", 1)
    worker.send_signal(signal.SIGHUP)
    worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert_whole(program.home, program.drawn("b"), 4)
