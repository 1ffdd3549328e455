"""`sdq ls`, and what all commands do where there is nothing yet."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sdq.views.listing import batch_lines
from sdq_core.values.order import Priority, Rank
from tests.core.commands import Commands
from tests.core.test_status import batch
from tests.ledger.plans import plan


def test_batches_are_listed_the_newest_first(sdq: Commands) -> None:
    with sdq.ledger() as ledger:
        for name in ("one", "two"):
            ledger.submissions.add(plan([name], [0], name=name))
    titles, *rows = sdq("ls").out.splitlines()
    assert titles.split() == ["batch", "status", "submitted", "images", "done", "failed"]
    assert [row.split()[:2] for row in rows] == [["two", "queued"], ["one", "queued"]]
    assert sdq("ls", "-q").out == "two\none\n"
    assert sdq("ls", "--json").json == sdq("status", "--json").json


def test_a_narrow_terminal_shortens_names_and_a_pipe_does_not() -> None:
    name = "a-very-long-name-of-a-batch-灯台灯台灯台"
    wide = batch_lines([batch(name)], width=None)
    assert wide[1].startswith(name)
    for width in (90, 80, 75):
        lines = batch_lines([batch(name), batch("b")], width=width)
        assert all(len(line) <= width for line in lines)
        assert "..." in lines[1]
    assert batch_lines([batch("b")], width=20) == batch_lines([batch("b")], width=None)


def test_a_place_in_the_order_is_shown() -> None:
    urgent = batch("b", rank=Rank(priority=Priority.HIGH, place=3))
    assert "in_progress, high, front" in batch_lines([urgent], width=None)[1]


def test_times_are_those_of_this_machine() -> None:
    shown = datetime(2026, 3, 1, 12, tzinfo=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    assert shown in batch_lines([batch("b")], width=None)[1]


@pytest.mark.parametrize("empty", [False, True])
def test_where_nothing_was_submitted_nothing_is_made(sdq: Commands, empty: bool) -> None:
    if empty:
        sdq.ledger().close()
    assert sdq("ls").out.startswith("No batches yet.")
    assert sdq("status").out.startswith("No batches yet.")
    assert sdq("ls", "-q").out == ""
    assert sdq("ls", "--json").json == sdq("status", "--json").json == []
    for command in ("show", "logs", "open", "status", "retry", "cancel"):
        assert "There is no batch 'x'. The newest: none yet." in sdq(command, "x", code=66).err
    sdq("sheet", "x", "x.png", code=66)
    assert sdq.home.exists() == empty
