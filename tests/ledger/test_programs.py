"""What other programs ask of the ledger: images by the line that asked for them, and counts; on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from db.ledger import Ledger
from db.values import ImageStatus, PlannedEntry
from tests.ledger.nights import draw
from tests.ledger.plans import plan, recipe

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_images_are_found_by_the_line_that_asked_for_them(ledger: Ledger) -> None:
    """Of one recipe in several slices, some of whose images another line asks for, too."""
    also = [{"custom_id": "also", "seeds": "3-5"}, {"custom_id": "none"}]
    entries = [
        PlannedEntry(
            recipe=recipe("a"), seeds=range(30), fields={"custom_id": "own", "also": also[:1]}
        ),
        PlannedEntry(recipe=recipe("b"), seeds=range(2), fields={"custom_id": "both"}),
        PlannedEntry(recipe=recipe("a"), seeds=(40,), fields={"custom_id": "both"}),
        PlannedEntry(recipe=recipe("c"), seeds=(7,)),
    ]
    added = ledger.submissions.add(replace(plan(["a"], [1], name="x"), entries=entries))
    draw(ledger, "x", "DDDDFD", begin=NOON, every_s=10)
    found = {one.custom_id: one for one in ledger.programs.requests(added.batch_id)}
    seeds = {name: [image.seed for image in one.images] for name, one in found.items()}
    assert seeds == {
        "own": list(range(30)),
        "also": [3, 4, 5],
        "both": [40, 0, 1],
        "3": [7],
    }
    statuses = [image.status for image in found["also"].images]
    assert statuses == [ImageStatus.DONE, ImageStatus.FAILED, ImageStatus.DONE]
    assert found["also"].is_settled
    assert not found["own"].is_settled
    assert [image.seed for image in found["also"].failures] == [4]
    assert ledger.programs.slices(added.batch_id) == (5, 0, 0)
    draw(ledger, "x", "D" * 40, begin=NOON, every_s=10)
    assert ledger.programs.slices(added.batch_id) == (5, 4, 1)
    first, second, _ = found["also"].images
    assert (first.content_key, first.error) == (recipe("a").content_key, None)
    assert (first.path is None, second.path, second.error is None) == (False, None, False)


def test_counts_are_of_all_batches_and_times_of_the_newest_images(ledger: Ledger) -> None:
    assert ledger.programs.measured().done == 0
    assert ledger.programs.measured().last_finished_at is None
    for name in ("a", "b"):
        ledger.submissions.add(plan([name], range(30), name=name))
    draw(ledger, "a", "D" * 29 + "F", begin=NOON, every_s=10)
    draw(ledger, "b", "DDF", begin=NOON, every_s=100)
    measured = ledger.programs.measured()
    assert (measured.done, measured.failed) == (31, 2)
    assert len(measured.drawing_s) == 31
    assert measured.drawing_s[0] == pytest.approx(0.1055)
    assert measured.last_finished_at is not None
