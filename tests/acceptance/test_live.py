"""`sdq run`, `sdq worker` and `sdq status --watch` in a real terminal, whose screen an emulator shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from db.values import BatchState
from sdq_core.values.order import Priority
from tests.acceptance.program import SDQ, Program
from tests.acceptance.test_hang_up import attempts_without_an_image
from tests.core.commands import Commands
from tests.core.small_ledger import finish, open_ids, small_plan
from tests.live.screen import COLOUR, InTerminal
from tests.translations import with_translations

Open = Callable[..., InTerminal]

LONG = "灯台-" + "a-very-long-name-" * 6


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, translations: Path) -> Iterator[Program]:
    """One data folder for all."""
    program = Program(with_translations(tmp_path_factory.mktemp("live") / "home", translations))
    yield program
    program.close()


@pytest.fixture
def terminal(program: Program) -> Iterator[Open]:
    """Opens a terminal in which a command runs; nothing is left to draw afterwards."""
    opened: list[InTerminal] = []

    def open_terminal(*arguments: str, term: str = "xterm-256color", **options: int) -> InTerminal:
        environment = program.environment | {"TERM": term}
        opened.append(InTerminal([str(SDQ), *arguments], environment, **options))
        return opened[-1]

    yield open_terminal
    for each in opened:
        each.end()
    with program.ledger() as ledger:
        for batch in ledger.batches.overview().batches:
            ledger.batches.set_state(batch.id, BatchState.CANCELLED)


def submit(program: Program, batch: str, prompt: str, *, images: int, steps: int) -> None:
    """Store a batch; a worker queues it when it starts."""
    with program.ledger() as ledger:
        ledger.submissions.add(small_plan(prompt, images=images, steps=steps, name=batch))


def test_run_shows_its_batch_and_leaves_the_last_frame(
    program: Program,
    terminal: Open,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ("run", "--prompt", "夜の灯台、油絵", "--seed-range", "0-1", "--batch", "night")
    options = ("--steps", "40", "--threads", "1")
    run = terminal(*command, *options, columns=120)
    run.wait_for(lambda: run.shows("of 40  night/1 seed 0  夜の灯台、油絵", "0 of 2"))
    run.wait_for(lambda: run.shows("100 %  2 of 2"))
    assert run.code() == 0
    said = run.everything
    assert said[0].startswith("Batch night: 2 images")
    assert said[-2].startswith("last: ")
    assert said[-1].startswith("2 images in /")
    assert sum(line.startswith("night ") for line in said) == 1
    assert not any("step" in line for line in said)
    assert run.cursor == (0, True)
    assert not COLOUR.search(run.stream)  # NO_COLOR

    plain = terminal(*command, *options, term="dumb")
    assert plain.code() == 0
    assert b"\x1b" not in plain.stream
    assert plain.shows("nothing new", "2 images in")
    said_quietly = Commands(program.home, monkeypatch, capsys)(*command, *options, "-q")
    assert (said_quietly.out, said_quietly.err) == ("", "")


def test_a_worker_shows_all_batches_below_its_log_and_ctrl_c_ends_both(
    program: Program, terminal: Open
) -> None:
    submit(program, LONG, "a tent in the snow", images=2, steps=40)
    submit(program, "second", "the sea", images=40, steps=40)
    with program.ledger() as ledger:  # so that two batches are unfinished to the end
        ledger.batches.move(LONG, priority=Priority.LOW)
    watch = terminal("status", "--watch", columns=120)
    watch.wait_for(lambda: watch.shows("second", "0 of 40", "all"))
    worker = terminal("worker", "--threads", "1", columns=40)
    watch.wait_for(lambda: re.search("step [1-9][0-9]* of 40", "\n".join(watch.lines)))
    worker.wait_for(lambda: worker.shows("all", "step", "seed 0"))
    worker.resize(100, 30)
    worker.wait_for(lambda: worker.shows("of 40", "all", "/h"))
    watch.wait_for(lambda: watch.shows("/h", "last: "))
    worker.press(b"\x03")
    assert worker.code() == 0
    assert worker.cursor == (0, True)
    said = worker.everything
    drawn = sum(len(program.drawn(batch)) for batch in (LONG, "second"))
    logged = [line for line in said if re.search(r" seed \d+$", line) and "step" not in line]
    assert len(logged) == drawn, said
    assert sum(line.startswith("all ") for line in said) == 1, said
    assert attempts_without_an_image(program) == 0
    watch.read(0.5)
    watch.read(0.5)  # a terminal drops at a Ctrl-C what nobody has read yet
    watch.press(b"\x03")
    assert watch.code() == 130
    assert watch.cursor == (0, True)
    assert watch.shows("second", "all")


def test_a_watched_batch_ends_with_its_table(program: Program, terminal: Open) -> None:
    submit(program, "watched", "a kite", images=2, steps=2)
    watch = terminal("status", "watched", "--watch")
    watch.wait_for(lambda: watch.shows("0 of 2", "waiting: no worker is running"))
    with program.ledger() as ledger:
        for slice_id in open_ids(ledger):
            finish(ledger, slice_id)
    assert watch.code() == 0
    said = watch.everything
    assert said[0].split()[:3] == ["batch", "status", "done"]
    assert said[1].split()[:4] == ["watched", "completed", "2", "2"]
    assert len(said) == 2


def test_a_terminal_that_closes_ends_no_work_that_ignores_it(
    program: Program, terminal: Open
) -> None:
    submit(program, "b", "the mountains", images=5, steps=40)
    worker = terminal("worker", "--burst", "--threads", "1", ignoring_hang_up=True)
    worker.wait_for(lambda: worker.shows("b/1 seed 0", "last: "))
    worker.hang_up()
    assert worker.code() == 0
    assert len(program.drawn("b")) == 5
