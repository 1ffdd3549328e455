"""What pages show is what a walk finds, a screen at a time, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from db.column_types import now_utc
from db.columns.where import parse_where
from db.ledger import Ledger
from tests.ledger.plans import ENGINE, plan
from tests.ledger.test_prune import draw_all


def test_prompts_and_their_images_are_those_that_the_batch_asks_for(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a", "b", "c"], range(7), name="one", slice_size=2))
    ledger.submissions.add(plan(["c", "d"], range(5, 9), name="one", slice_size=3))
    draw_all(ledger)
    ledger.submissions.add(plan(["b"], [90], name="one"))
    batch = ledger.batches.find("one")
    assert batch
    wanted = {1: range(7), 2: [*range(7), 90], 3: range(9), 4: range(5, 9)}
    for each in (1, 4, 100):
        found = ledger.browsing.prompts(batch.id, 1, 9, each)
        assert [
            (one.entry, one.recipe.prompt, [tile.seed for tile in one.images.tiles])
            for one in found
        ] == [(n, "abcd"[n - 1], list(seeds)[:each]) for n, seeds in wanted.items()]
        assert [one.images.after is not None for one in found] == [
            len(seeds) > each for seeds in wanted.values()
        ]
    assert [one.entry for one in ledger.browsing.prompts(batch.id, 2, 2, 4)] == [2, 3]
    assert ledger.browsing.prompts(batch.id, 5, 2, 4) == []
    assert ledger.browsing.entry_before(batch.id, 4, 2) == 2
    assert ledger.browsing.entry_before(batch.id, 1, 2) is None
    for entry, seeds in wanted.items():
        after: tuple[int, int] | None = (0, 0)
        tiles = []
        while after:
            page = ledger.browsing.tiles(batch.id, entry, after, 3)
            tiles += page.tiles
            after = page.after
        assert [tile.seed for tile in tiles] == list(seeds)
        assert [tile.id is None for tile in tiles] == [seed == 90 for seed in seeds]


def test_a_page_reads_no_more_of_prompts_with_many_images(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a", "b", "c"], range(900), name="one", slice_size=3))
    read = 0

    def fetched(_c: object, cursor: Any, statement: str, *_: object) -> None:
        nonlocal read
        read += "FROM slices" in statement

    engine = ledger._database.engine
    event.listen(engine, "after_cursor_execute", fetched)
    try:
        found = ledger.browsing.prompts(1, 1, 3, 5)
    finally:
        event.remove(engine, "after_cursor_execute", fetched)
    assert [len(one.images.tiles) for one in found] == [5, 5, 5]
    assert read <= 6  # pages of a hundred slices, of the three hundred that each prompt has


def test_the_newest_come_first_whatever_was_drawn_since(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a", "b"], range(9), name="one"))
    draw_all(ledger)
    ledger.submissions.add(plan(["c"], range(9), name="two"))
    draw_all(ledger)
    for batch_id, expected in ((1, 18), (2, 9), (None, 27)):
        ids: list[int] = []
        before: int | None = None
        while True:
            page = ledger.browsing.newest(batch_id, before, 4)
            ids += [image.id for image in page.images]
            before = page.before
            if before is None:
                break
        assert ids == sorted(ids, reverse=True)
        assert len(ids) == expected


def test_a_search_goes_on_where_its_patience_ended(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.browsing.matching._SLICES_AT_ONCE", 5)
    ledger.submissions.add(plan([str(n) for n in range(25)], [1, 2], name="one"))
    draw_all(ledger)
    where = parse_where("entry >= 21 and seed = 2")
    found = []
    after: tuple[int, int] | None = (0, 0)
    pages = 0
    while after:
        page = ledger.browsing.matching(1, where, after, enough=2, patience_s=0)
        found += [image.entry for image in page.images]
        after, pages = page.after, pages + 1
    assert found == list(range(21, 26))
    assert pages > 3


def test_neighbours_are_the_seeds_around_and_the_same_seed_of_other_prompts(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a", "b"], range(9), name="one", slice_size=2))
    ledger.submissions.add(plan(["c"], [40, 41], name="one"))
    beside = ledger.browsing.neighbours(1, 2, 5, 3)
    assert [tile.seed for tile in beside.row] == [2, 3, 4, 5, 6, 7, 8]
    assert beside.above
    assert (beside.above.entry, beside.above.seed) == (1, 5)
    assert beside.below
    assert (beside.below.entry, beside.below.seed) == (3, 40)  # its first, as it lacks this one
    assert [tile.seed for tile in ledger.browsing.neighbours(1, 1, 0, 3).row] == [0, 1, 2, 3]
    last = ledger.browsing.neighbours(1, 3, 41, 3)
    assert ([tile.seed for tile in last.row], last.below) == ([40, 41], None)
    assert last.beside(41, 1) is None


def test_what_was_finished_lately_is_told_once(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a"], range(5), name="one"))
    draw_all(ledger)
    lately = now_utc() - timedelta(minutes=1)
    found = ledger.browsing.finished_since(lately, 3)
    assert [image.seed for image in found] == [2, 3, 4]
    rest = ledger.browsing.finished_since(lately, 9, without={image.id for image in found})
    assert [image.seed for image in rest] == [0, 1]
    assert ledger.browsing.finished_since(now_utc() + timedelta(minutes=1), 9) == []
    picture = ledger.browsing.picture(found[0].id)
    assert picture
    assert picture.path == found[0].image.path
    assert ledger.browsing.picture(999) is None
    assert ledger.browsing.last_engines(["w", "another"]) == {"w": ENGINE}
