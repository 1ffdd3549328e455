"""The columns of an image."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from db.columns import COLUMNS, Kind
from db.ledger import Ledger
from sdq_core.values.conditions import Conditions, ControlNetUse
from sdq_core.values.quality import Quality
from sdq_core.values.variants import Scheduler
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
        "pictures": {"init_image": "cat.png", "mask": "hole.png", "controlnets": ["lines.png"]},
    }
    following = ControlNetUse(name="edges", revision="1", image="c" * 64, scale=0.8)
    conditions = Conditions(
        init_image="a" * 64,
        strength=0.5,
        mask="b" * 64,
        controlnets=(following,),
        original_size=(96, 160),
        crop=(0, 8),
        eta=0.3,
    )
    planned = plan(["a"], [3], name="b")
    entries = [
        replace(
            entry,
            fields=fields,
            recipe=replace(entry.recipe, scheduler=Scheduler.TCD, conditions=conditions),
        )
        for entry in planned.entries
    ]
    ledger.submissions.add(replace(planned, entries=entries))
    draw(ledger, first_slice(ledger), 3)
    quality = Quality(phash="0f" * 8, constant=False, brightness=0.5, contrast=0.25, sharpness=9.0)
    ledger.measures.store((file, quality) for file in ledger.measures.unmeasured("b"))
    ledger.scores.store(((file, 0.2) for file in ledger.scores.unscored("b", "m@1")), "m@1")
    [image] = ledger.batches.images("b")
    ledger.measures.store_near_duplicates([(image.id, image.id)])
    [image] = ledger.batches.images("b")

    values = {name: column.of(image) for name, column in COLUMNS.items()}

    wrong = [
        name
        for name, value in values.items()
        if not isinstance(value, _TYPES[COLUMNS[name].kind])
        or (isinstance(value, bool) and COLUMNS[name].kind is not Kind.BOOLEAN)
    ]
    assert wrong == []
    assert values["batch"] == "b"
    assert values["seed"] == 3
    assert values["meta"] == {"n": 1}
    assert values["compute_unit"] == "ALL"
    assert values["finished_at"].tzinfo is not None
