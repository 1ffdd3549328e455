"""The first images of each entry are those of a walk, and no others are read; on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from db import first_images
from db.columns.where import parse_where
from db.ledger import Ledger
from tests.ledger.plans import plan
from tests.ledger.test_prune import draw_all


def test_the_first_images_are_those_of_a_walk(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_images, "_SLICES_AT_ONCE", 3)
    ledger.submissions.add(plan(["a", "b", "c"], range(0, 12, 2), name="one", slice_size=2))
    ledger.submissions.add(plan(["c", "a"], range(5), name="one", slice_size=3))
    draw_all(ledger)
    ledger.submissions.add(plan(["d", "a"], range(50, 60), name="one", slice_size=1))
    for where in (None, parse_where("seed > 3")):
        walked = [(i.entry, i.seed) for i in ledger.batches.images("one", where=where)]
        for each in (1, 2, 5, 100):
            expected = [
                found
                for entry in (1, 2, 3)
                for found in [found for found in walked if found[0] == entry][:each]
            ]
            got = ledger.batches.first_images("one", each, where=where)
            assert [(image.entry, image.seed) for image in got] == expected


def test_what_is_read_does_not_grow_with_the_seeds(ledger: Ledger) -> None:
    ledger.submissions.add(plan(["a", "b"], range(60), name="one", slice_size=5))
    draw_all(ledger)
    asked_for: list[int] = []

    def before(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if "FROM images" in statement and "EXISTS" not in statement:
            asked_for.append(len(parameters))

    engine = ledger._database.engine
    event.listen(engine, "before_cursor_execute", before)
    try:
        found = list(ledger.batches.first_images("one", 7))
    finally:
        event.remove(engine, "before_cursor_execute", before)
    assert [image.seed for image in found] == [*range(7), *range(7)]
    assert sum(asked_for) < 60  # of 120 seeds
