"""What sdq 0.1 left behind, recorded from it: its ledger is migrated, and its images are known by their files."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import pytest

from db.ledger import Ledger
from db.values import BatchState, Mark
from sdq_core.images.read import read_record
from sdq_core.values.conditions import NO_CONDITIONS
from tests.core.small_ledger import loaded, open_ids

RECORDED = Path(__file__).parents[1] / "recorded" / "0.1"
PNG = RECORDED / "00001-3.png"


@pytest.fixture
def url(tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "sdq.db") as connection:
        connection.executescript((RECORDED / "ledger.sql").read_text())
    connection.close()
    return f"sqlite:///{tmp_path / 'sdq.db'}"


def test_its_ledger_is_migrated_with_all_that_it_holds(url: str) -> None:
    with Ledger.open(url) as ledger:
        assert [(each.name, each.state) for each in ledger.batches.statuses()] == [
            ("open", BatchState.ACTIVE),
            ("old", BatchState.ACTIVE),
        ]
        images = list(ledger.batches.images("old"))
        assert [(image.recipe.prompt, image.seed) for image in images] == [
            ("the sea at night", 3),
            ("the sea at night", 4),
            ("a house on a hill", 3),
            ("a house on a hill", 4),
        ]
        # What is drawn again finds its row only if the key that was stored is made today, too.
        for image in images:
            assert image.recipe.conditions is NO_CONDITIONS
            assert ledger.batches.image_of_recipe(image.recipe.content_key, image.seed)
        assert [loaded(ledger, id_).seeds for id_ in open_ids(ledger)] == [(5, 6, 7, 8, 9)] * 2
        # What came later is not set, and can be.
        assert {image.mark for image in images} == {None}
        ledger.marks.set(images[2].id, Mark.FAVOURITE)
        assert [image.favourite for image in ledger.batches.images("old")] == [0, 0, 1, 0]


def test_its_images_are_known_by_their_files(url: str) -> None:
    record = read_record(PNG)
    with Ledger.open(url) as ledger:
        first = next(iter(ledger.batches.images("old")))
        assert (record.recipe, record.seed) == (first.recipe, first.seed)
        assert first.image.sha256 == hashlib.sha256(PNG.read_bytes()).hexdigest()
