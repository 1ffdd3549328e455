"""A page of a walk costs the same wherever it is, and a walk meets everything once; on both databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, update

from db import removal, upkeep, walk
from db.column_types import now_utc
from db.columns.where import parse_where
from db.ledger import Ledger
from db.tables import images, slices
from db.values import ImageStatus
from tests.ledger.plans import ENGINE, plan, record
from tests.ledger.test_prune import draw_all, forget, rows


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "_SLICES_AT_ONCE", 3)
    monkeypatch.setattr(upkeep, "_CHECKED_AT_ONCE", 3)
    monkeypatch.setattr(removal, "SLICES_PER_TRANSACTION", 3)


@contextmanager
def sqlite_ledger(folder: Path) -> Iterator[tuple[Ledger, list[int]]]:
    """Give a ledger with a list whose one number grows with the steps that SQLite takes."""
    steps = [0]

    def count() -> int:
        steps[0] += 1
        return 0

    with Ledger.open(f"sqlite:///{folder / 'sdq.db'}") as ledger:

        @event.listens_for(ledger._database.engine, "checkout")
        def watch(connection: Any, _record: Any, _proxy: Any) -> None:
            assert isinstance(connection, sqlite3.Connection)
            connection.set_progress_handler(count, 10)

        yield ledger, steps


def steps_of_each(pages: Iterator[Any], steps: list[int]) -> list[int]:
    found = []
    while True:
        before = steps[0]
        if next(pages, None) is None:
            return found
        found.append(steps[0] - before)


@pytest.mark.parametrize("shape", [(1000, 2), (2, 1000)], ids=["many entries", "long entries"])
def test_the_last_page_costs_as_much_as_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int]
) -> None:
    prompts, seeds = shape
    with sqlite_ledger(tmp_path) as (ledger, steps):
        ledger.submissions.add(plan([f"{i}" for i in range(prompts)], range(seeds), slice_size=1))
        with ledger._database.writing() as connection:  # a drawn image of each, whose page reads it
            for recipe_id in range(1, prompts + 1):
                connection.execute(
                    insert(images).values(
                        recipe_id=recipe_id, seed=1, status=str(ImageStatus.FAILED), attempts=1
                    )
                )
        monkeypatch.setattr(upkeep, "_AT_ONCE", 100)
        monkeypatch.setattr(upkeep, "_CHECKED_AT_ONCE", 100)
        to_check = partial(ledger.upkeep.pages_to_check, with_older=True, with_hashes=True)
        for look in (ledger.upkeep.unfinished_slices, to_check):
            walked = [cost for cost in steps_of_each(look(1), steps) if cost]
            assert len(walked) == 20
            assert max(walked) < 2 * min(walked)
            with ledger._database.writing() as connection:
                connection.execute(update(slices).values(finished_at=now_utc()))

        batch_id = ledger.upkeep.begin_pruning(1)
        monkeypatch.setattr(removal, "SLICES_PER_TRANSACTION", 100)
        pages = iter(lambda: ledger.upkeep.prune_page(batch_id).last, True)
        pruned = steps_of_each(pages, steps)
        assert len(pruned) == 20
        assert max(pruned) < 2 * min(pruned)


def test_a_page_costs_the_same_however_much_an_older_batch_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_CHECKED_AT_ONCE", 100)
    monkeypatch.setattr(walk, "_SLICES_AT_ONCE", 100)
    monkeypatch.setattr(walk, "_MOST_PAGES_IN_ONE", 1)
    costs, listed_costs = [], []
    for seeds in (400, 1600):
        folder = tmp_path / str(seeds)
        folder.mkdir()
        with sqlite_ledger(folder) as (ledger, steps):
            for name, first in (("one", 0), ("two", 50)):
                asked = range(first, first + seeds)
                ledger.submissions.add(plan(["a"], asked, name=name, slice_size=1))
            with ledger._database.writing() as connection:
                done = {
                    "recipe_id": 1,
                    "status": "done",
                    "attempts": 1,
                    "path": "",
                    "size_bytes": 0,
                }
                rows = [{**done, "seed": seed} for seed in range(seeds + 50)]
                connection.execute(insert(images), rows)
            check = partial(ledger.upkeep.pages_to_check, "two", with_hashes=False)
            found = [file.seed for page in check(with_older=True) for file in page.files]
            assert found == list(range(seeds, seeds + 50))
            assert sum(len(page.files) for page in check(with_older=False)) == seeds
            _, *later = (cost for cost in steps_of_each(check(with_older=True), steps) if cost)
            costs.append(max(later))
            listed = partial(ledger.batches.drawn_slices, "two", without=[1])
            assert [row[1] for drawn in listed() for row in drawn.rows] == found
            assert list(listed(where=parse_where("batch = 'one'"))) == []
            listed_costs.append(sum(steps_of_each(listed(), steps)))
    assert costs[1] < 2 * costs[0]
    assert listed_costs[1] < 6 * listed_costs[0]


def test_a_status_costs_the_same_however_many_slices_are_pending(tmp_path: Path) -> None:
    costs = []
    with sqlite_ledger(tmp_path) as (ledger, steps):
        for prompts in (10, 1000):
            ledger.submissions.add(plan([f"{i}" for i in range(prompts)], [1, 2], slice_size=1))
            ledger.batches.statuses()  # the first one prepares statements
            before = steps[0]
            ledger.batches.statuses()
            ledger.batches.failed_images(1)
            assert ledger.batches.retry_failed(1) == 0
            costs.append(steps[0] - before)
    assert costs[1] < 2 * costs[0] + 10


@pytest.mark.usefixtures("small_pages")
def test_walks_meet_every_image_once_in_the_order_of_planning(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a", "b", "c"], range(0, 20, 2), name="one", slice_size=2))
    ledger.submissions.add(plan(["b"], range(5), name="two", slice_size=2))
    ledger.submissions.add(plan(["c", "a"], range(9), name="one", slice_size=3))
    draw_all(ledger)
    ledger.submissions.add(plan(["a", "d"], range(100, 107), name="one", slice_size=1))
    found = [(image.entry, image.seed) for image in ledger.batches.images("one")]
    assert [entry for entry, _ in found] == sorted(entry for entry, _ in found)
    old = set(range(0, 20, 2))
    assert len(found) == len(set(found))
    assert set(found) == {(2, seed) for seed in old} | {
        (entry, seed) for entry in (1, 3) for seed in old | set(range(9))
    }
    unfinished = list(ledger.upkeep.unfinished_slices("one"))
    assert len(unfinished) == len(set(unfinished)) == 14
    pages = ledger.upkeep.pages_to_check("one", with_older=False, with_hashes=True)
    assert not [slice_id for page in pages for slice_id in page.closed_too_early]


@pytest.mark.usefixtures("small_pages")
def test_what_goes_page_by_page_leaves_the_images_that_others_ask_for(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a", "b"], range(20), name="one", slice_size=2))
    draw_all(ledger)
    ledger.submissions.add(plan(["b", "a"], range(15, 25), name="two", slice_size=3))
    draw_all(ledger)
    kept = {(image.recipe.prompt, image.seed) for image in ledger.batches.images("two")}
    assert len(forget(ledger, "one")) == 30
    assert {(i.recipe.prompt, i.seed) for i in ledger.batches.images("two")} == kept
    assert len(kept) == 20
    assert len(forget(ledger, "two")) == 20
    assert rows(ledger) == {"batches": 0, "slices": 0, "recipes": 0, "images": 0}


def test_a_summary_costs_in_proportion_to_the_images(tmp_path: Path) -> None:
    costs = []
    with sqlite_ledger(tmp_path) as (ledger, steps):
        engine_id = ledger.work.register_engine(ENGINE)
        for name, prompts in (("few", 200), ("many", 800)):
            ledger.submissions.add(plan([f"{name} {i}" for i in range(prompts)], [1, 2], name=name))
            found = [ledger.work.load_slice(ref.id) for ref in ledger.work.open_slices()]
            rows = [
                asdict(record(slice_, seed, engine_id))
                | {"status": str(ImageStatus.DONE), "attempts": 1, "finished_at": now_utc()}
                for slice_ in found
                if slice_
                for seed in slice_.seeds
            ]
            with ledger._database.writing() as connection:
                connection.execute(insert(images), rows)
                connection.execute(update(slices).values(done=2, finished_at=now_utc()))
            ledger.summaries.of(name)  # the first one prepares statements
            before = steps[0]
            assert ledger.summaries.of(name).times.images == 2 * prompts
            costs.append(steps[0] - before)
    assert costs[1] < 4.5 * costs[0]
