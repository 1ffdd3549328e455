"""Images that a condition chooses, in the order that a user asks for; on both databases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, event

from db import sorted_images, walk
from db.columns import parse_sort
from db.columns.where import parse_where
from db.ledger import Ledger
from db.tables import images
from tests.ledger.nights import draw
from tests.ledger.plans import plan
from tests.ledger.test_walk import sqlite_ledger


@pytest.fixture
def night(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Three prompts with four seeds each, in slices of two; every third image is flagged, the last one failed."""
    monkeypatch.setattr(walk, "_SLICES_AT_ONCE", 2)
    planned = plan(["a house", "a Boat", "a red house"], range(4), name="night", slice_size=2)
    entries = [
        replace(entry, fields={"meta": {"n": number, "mixed": mixed}, "tags": [f"t{number}"]})
        for number, (entry, mixed) in enumerate(zip(planned.entries, ("b", 2, None), strict=True))
    ]
    ledger.submissions.add(replace(planned, entries=entries))
    draw(ledger, "night", "nDDnDDnDDnDF", every_s=60)
    return ledger


def names(
    ledger: Ledger, where: str | None = None, sort: str | None = None, limit: int | None = None
) -> list[str]:
    found = ledger.batches.images(
        "night",
        where=None if where is None else parse_where(where),
        sort=None if sort is None else parse_sort(sort),
        limit=limit,
    )
    return [image.name.removeprefix("night/") for image in found]


def test_a_condition_chooses_images_and_an_order_sorts_them(night: Ledger) -> None:
    everything = names(night)
    assert len(everything) == 11
    assert names(night, "prompt ~ 'house'") == [n for n in everything if n[0] in "13"]
    assert names(night, "nsfw") == ["1/0", "1/3", "2/2", "3/1"]
    mixed = "nsfw and prompt ~ 'house' or seed = 0 and meta.n = 1"
    assert names(night, mixed) == ["1/0", "1/3", "2/0", "3/1"]
    assert names(night, "not nsfw and 't2' in tags") == ["3/0", "3/2"]
    assert names(night, "batch = 'night' and entry < 3 and seed >= 3") == ["1/3", "2/3"]
    assert names(night, "prompt = 'x' or nsfw and not prompt ~ 'house'") == ["2/2"]
    assert names(night, "seed < 0") == names(night, "prompt = 'x'") == []
    assert names(night, "nsfw", limit=2) == ["1/0", "1/3"]

    assert names(night, sort="seed,-entry")[:4] == ["3/0", "2/0", "1/0", "3/1"]
    assert names(night, sort="-finished_at", limit=3) == ["3/2", "3/1", "3/0"]
    assert names(night, "seed = 0", "prompt") == ["2/0", "1/0", "3/0"]  # whatever the case
    assert names(night, "seed = 1", "meta.mixed") == ["2/1", "1/1", "3/1"]  # number, text, nothing
    assert names(night, "seed = 1", "-meta.mixed") == ["1/1", "2/1", "3/1"]
    assert names(night, sort="-nsfw")[:4] == ["1/0", "1/3", "2/2", "3/1"]
    assert names(night, "prompt = 'x'", "seed") == []


def test_an_image_that_is_gone_meanwhile_is_left_out(
    night: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorted_images, "KEYS_AT_ONCE", 2)
    found = night.batches.images("night", sort=parse_sort("seed"))
    assert next(found).seed == 0
    with night._database.writing() as connection:
        connection.execute(delete(images).where(images.c.seed == 1))
    assert [image.seed for image in found] == [0, 0, 2, 2, 2, 3, 3]


def test_what_cannot_match_is_not_loaded(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as (ledger, _):
        ledger.submissions.add(plan(["a", "b"], range(30), name="night", slice_size=10))
        draw(ledger, "night", "D" * 60)
        read: list[str] = []

        @event.listens_for(ledger._database.engine, "before_cursor_execute")
        def note(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
            if "images.sha256" in statement:
                read.append(statement)

        assert names(ledger, "prompt = 'c' or prompt ~ 'd' and nsfw") == []
        assert not read
        assert len(names(ledger, "prompt = 'b'")) == 30
        assert len(read) == 1
