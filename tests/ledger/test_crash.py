"""Processes that are killed, and processes that do the same at once, leave the ledger whole; on both databases."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import pytest

from db.connection import SUBMISSION_LOCK, Database
from db.ledger import Ledger
from db.submissions import submit
from tests.ledger.plans import ENGINE, plan, record

SPAWN = multiprocessing.get_context("spawn")
DEADLINE_S = 60.0


def _start(target: Callable[..., None], *args: Any) -> tuple[Any, Connection]:
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=target, args=(*args, theirs))
    process.start()
    theirs.close()
    return process, ours


def _submit_and_hang(url: str, pipe: Connection) -> None:
    database = Database(url)
    with database.writing(durable=True, lock=SUBMISSION_LOCK) as connection:
        added = submit(connection, plan([f"p{i}" for i in range(300)], range(100)))
        pipe.send(added.slices_new)
        pipe.recv()  # never


def test_a_submission_that_is_killed_before_its_commit_leaves_nothing(
    ledger: Ledger, ledger_url: str
) -> None:
    ledger.submissions.add(plan(["a"], [1], name="before"))
    process, pipe = _start(_submit_and_hang, ledger_url)
    assert pipe.poll(DEADLINE_S)
    assert pipe.recv() == 1200
    assert [batch.name for batch in ledger.batches.statuses()] == ["before"]
    os.kill(process.pid, signal.SIGKILL)
    process.join(DEADLINE_S)
    assert [batch.name for batch in ledger.batches.statuses()] == ["before"]
    again = ledger.submissions.add(plan([f"p{i}" for i in range(300)], range(100)))
    assert (again.images_new, len(again.slices)) == (30_000, 1200)
    assert len(ledger.work.open_slices()) == 1201


def _draw(url: str, slice_ids: list[int], backwards: bool, pipe: Connection) -> None:
    """Draw slices as a worker does, one image at a time, the last few noted in one commit."""
    drawn = finished = 0
    with Ledger.open(url) as ledger:
        engine_id = ledger.work.register_engine(ENGINE)
        pipe.send("ready")
        pipe.recv()
        for slice_id in slice_ids[::-1] if backwards else slice_ids:
            slice_ = ledger.work.load_slice(slice_id)
            assert slice_ is not None
            seeds = slice_.seeds[::-1] if backwards else slice_.seeds
            for seed in seeds[:5]:
                if ledger.work.note_attempts(slice_.recipe_id, [seed], engine_id=engine_id):
                    drawn += ledger.work.record_and_go_on(record(slice_, seed, engine_id)).new
            noted = ledger.work.note_attempts(
                slice_.recipe_id, seeds[5:], engine_id=engine_id, slice_id=slice_.id
            )
            for seed in noted:
                drawn += ledger.work.record_and_go_on(record(slice_, seed, engine_id)).new
            finished += ledger.work.finish_slice(slice_.id)
    pipe.send((drawn, finished))


def test_workers_with_the_same_slices_count_each_image_once(
    ledger: Ledger, ledger_url: str
) -> None:
    added = ledger.submissions.add(plan(["a", "b"], range(20), slice_size=10))
    slice_ids = [ref.id for ref in added.slices]
    workers = [
        _start(_draw, ledger_url, slice_ids, backwards) for backwards in (False, True, False)
    ]
    for _, pipe in workers:
        assert pipe.poll(DEADLINE_S)
        assert pipe.recv() == "ready"
    for _, pipe in workers:
        pipe.send("go")
    results = []
    for process, pipe in workers:
        assert pipe.poll(DEADLINE_S)
        results.append(pipe.recv())
        process.join(DEADLINE_S)
    assert sum(drawn for drawn, _ in results) == 40
    assert all(finished >= 1 for _, finished in results)
    assert ledger.work.open_slices() == []
    status = ledger.batches.find("prompts")
    assert status is not None
    assert (status.total, status.completed, status.failed) == (40, 40, 0)
    assert status.completed_at is not None
    assert len(list(ledger.batches.images("prompts"))) == 40


def _note_and_die(url: str, slice_id: int, pipe: Connection) -> None:
    ledger = Ledger.open(url)
    slice_ = ledger.work.load_slice(slice_id)
    assert slice_ is not None
    engine_id = ledger.work.register_engine(ENGINE)
    ledger.work.note_attempts(
        slice_.recipe_id, slice_.seeds[:2], engine_id=engine_id, slice_id=slice_.id
    )
    ledger.work.record_and_go_on(record(slice_, slice_.seeds[0], engine_id))
    pipe.send("recorded")
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("deaths", [2])
def test_what_a_killed_worker_recorded_stays_and_its_attempt_counts(
    ledger: Ledger, ledger_url: str, deaths: int
) -> None:
    (ref,) = ledger.submissions.add(plan(["a"], range(4))).slices
    for _ in range(deaths):
        process, pipe = _start(_note_and_die, ledger_url, ref.id)
        assert pipe.poll(DEADLINE_S)
        assert pipe.recv() == "recorded"
        process.join(DEADLINE_S)
        assert process.exitcode == -signal.SIGKILL
    slice_ = ledger.work.load_slice(ref.id)
    assert slice_ is not None
    assert list(ledger.work.progress(slice_).settled) == [0]
    assert ledger.work.progress(slice_).attempts == {0: 1, 1: deaths}
    assert ledger.work.finish_slice(ref.id) is False
