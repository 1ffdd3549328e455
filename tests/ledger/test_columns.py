"""The columns of an image."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from db.columns import COLUMNS, Kind
from db.ledger import Ledger
from tests.ledger.plans import plan
from tests.ledger.test_known_image import draw, first_slice

_TYPES: dict[Kind, type | tuple[type, ...]] = {
    Kind.TEXT: str,
    Kind.INTEGER: int,
    Kind.NUMBER: (int, float),
    Kind.BOOLEAN: bool,
    Kind.TIME: datetime,
    Kind.LIST: list,
    Kind.OBJECT: dict,
}


def test_each_column_holds_what_its_kind_says(ledger: Ledger) -> None:
    fields = {
        "custom_id": "a-1",
        "tags": ["x"],
        "meta": {"n": 1},
        "dynamic": {"template": "{a|b}"},
    }
    planned = plan(["a"], [3], name="b")
    entries = [replace(entry, fields=fields) for entry in planned.entries]
    ledger.submissions.add(replace(planned, entries=entries))
    draw(ledger, first_slice(ledger), 3)
    [image] = ledger.batches.images("b")

    values = {name: column.of(image) for name, column in COLUMNS.items()}

    wrong = [
        name
        for name, value in values.items()
        if value is not None and not isinstance(value, _TYPES[COLUMNS[name].kind])
    ]
    assert wrong == []
    assert values["batch"] == "b"
    assert values["seed"] == 3
    assert values["meta"] == {"n": 1}
    assert values["compute_unit"] == "ALL"
    assert values["finished_at"].tzinfo is not None
