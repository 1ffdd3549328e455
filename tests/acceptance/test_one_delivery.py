"""Rows are single, and so is work: an image is drawn once, however many ask for it and draw at the same time."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from db.ledger import Ledger
from sdq_core.images.path import image_path
from tests.acceptance.program import Program, assert_whole, stop

SAVED = re.compile(r"^\d\d:\d\d:\d\d (\S+/\d+) seed (\d+)$", re.MULTILINE)


def submission(batch: str, seeds: str, *, steps: int = 2) -> list[str]:
    asked = ["submit", "--prompt", "the sea", "--seed-range", seeds, "--steps", str(steps)]
    return [*asked, "--batch", batch, "--quiet"]


def submit(program: Program, batch: str, seeds: str, *, steps: int = 2) -> None:
    program.call(*submission(batch, seeds, steps=steps))


def saved(logs: list[Path]) -> Counter[str]:
    """Count how often each image was saved."""
    return Counter(seed for log in logs for _, seed in SAVED.findall(log.read_text()))


def start_worker(program: Program, log: Path, *options: str) -> subprocess.Popen[str]:
    return program.start("worker", "--threads", "1", *options, log=log)


def test_two_batches_that_ask_for_the_same_images_get_the_same_files(
    program: Program, tmp_path: Path
) -> None:
    submit(program, "one", "0-5")
    submit(program, "two", "3-8")
    log = tmp_path / "worker.log"
    start_worker(program, log, "--burst").wait(timeout=90)
    assert saved([log]) == Counter(map(str, range(9)))
    one, two = program.drawn("one"), program.drawn("two")
    assert {image.image.path for image in one} & {image.image.path for image in two}
    assert len(list((program.home / "outputs").rglob("*.png"))) == 9
    assert "All is well" in program.call("verify").stdout


def test_two_workers_at_batches_that_share_their_images_draw_each_once(
    program: Program, tmp_path: Path
) -> None:
    for batch in ("one", "two", "three"):
        submit(program, batch, "0-11", steps=10)
    logs = [tmp_path / f"{number}.log" for number in range(2)]
    for worker in [start_worker(program, log, "--burst") for log in logs]:
        assert worker.wait(timeout=110) == 0
    assert saved(logs) == Counter(map(str, range(12)))
    for batch in ("one", "two", "three"):
        assert len(program.drawn(batch)) == 12
    assert len(list((program.home / "outputs").rglob("*.png"))) == 12
    assert "All is well" in program.call("verify").stdout


@pytest.mark.slow
def test_submissions_in_a_row_to_idle_workers_are_drawn_once(
    program: Program, tmp_path: Path
) -> None:
    logs = [tmp_path / f"{number}.log" for number in range(3)]
    workers = [start_worker(program, log) for log in logs]
    for number in range(12):
        submit(program, f"b{number}", f"{number * 2}-{number * 2 + 4}", steps=1)
    program.wait_until(lambda: all(is_complete(program, f"b{n}", 5) for n in range(12)))
    for worker in workers:
        assert stop(worker) == 0
    assert saved(logs) == Counter(map(str, range(27)))
    assert "All is well" in program.call("verify").stdout


def is_complete(program: Program, batch: str, images: int) -> bool:
    with program.ledger() as ledger:
        status = ledger.batches.find(batch)
        return status is not None and status.completed == images


@pytest.mark.parametrize("how", ["verify", "prune"])
def test_a_second_copy_that_sdq_wrote_is_cleared(program: Program, how: str) -> None:
    submit(program, "one", "0-2")
    submit(program, "two", "0-2")
    program.call("worker", "--burst")
    (first, *_) = program.drawn("two")
    assert first.image.path.startswith("one/")
    spare = program.home / "outputs" / image_path("two", 1, 0)
    spare.parent.mkdir(parents=True, exist_ok=True)
    spare.write_bytes((program.home / "outputs" / first.image.path).read_bytes())
    own = spare.with_name("notes.txt")
    own.write_text("the user's own")
    found = program.call("verify", code=1).stdout
    assert f"second copy: {spare.relative_to(program.home / 'outputs')}" in found
    assert "not in the ledger: two/00001/notes.txt" in found
    if how == "verify":
        program.call("verify", "--repair", code=1)  # for the user's own file
    else:
        program.call("prune", "two", "--yes")
    assert not spare.exists()
    own.unlink()  # it was left alone
    assert_whole(program.home, program.drawn("one"), 3)


def test_a_slice_of_a_worker_that_is_gone_is_found_and_repaired(program: Program) -> None:
    submit(program, "b", "0-3", steps=1000)
    worker = program.start("worker")
    with program.ledger() as ledger:
        program.wait_until(lambda: has_begun(ledger))
        worker.kill()
        worker.wait()
    assert "in no queue: slice 1" in program.call("verify", code=1).stdout
    program.call("verify", "--repair")
    assert "All is well" in program.call("verify").stdout


def has_begun(ledger: Ledger) -> bool:
    slice_ = ledger.work.load_slice(1)
    return slice_ is not None and bool(ledger.work.progress(slice_).attempts)
