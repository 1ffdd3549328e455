"""Conditions in the ledger."""

from __future__ import annotations

from dataclasses import replace

from db.ledger import Ledger
from db.values import PlannedEntry
from tests.core.small_ledger import loaded, open_ids
from tests.core.test_conditions import ALL
from tests.ledger.plans import plan, recipe


def test_recipes_come_back_with_their_conditions(ledger: Ledger) -> None:
    plain = recipe("the sea")
    conditioned = replace(plain, conditions=ALL)
    wanted = replace(
        plan([], []),
        entries=[PlannedEntry(recipe=each, seeds=(1,)) for each in (plain, conditioned)],
    )
    added = ledger.submissions.add(wanted)
    assert added.images_new == 2
    found = [loaded(ledger, id_).recipe for id_ in open_ids(ledger)]
    assert found == [plain, conditioned]
