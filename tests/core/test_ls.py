"""`sdq ls` of batches and of images, and what all commands do where there is nothing yet."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from db.columns import COLUMNS
from sdq.views.listing import batch_lines
from sdq.views.table import growing_table
from sdq_core.values.order import Priority, Rank
from tests.core.commands import Commands
from tests.core.test_status import batch
from tests.ledger.nights import draw
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


@pytest.fixture
def night(sdq: Commands) -> Commands:
    """A batch of two prompts with three seeds each, of which five are drawn."""
    with sdq.ledger() as ledger:
        planned = plan(["a house\nby the sea", "a boat"], range(3), name="night")
        fields = {"meta": {"x": 1.5}, "tags": ["sea", "red"]}
        entries = [replace(entry, fields=fields) for entry in planned.entries]
        ledger.submissions.add(replace(planned, entries=entries))
        draw(ledger, "night", "nDDnD")
    return sdq


def test_images_are_listed_as_a_table(night: Commands) -> None:
    titles, *rows = night("ls", "night").out.splitlines()
    assert titles.split() == ["image", "path", "prompt"]
    shown = [row.split()[0].removeprefix("night/") for row in rows]
    assert shown == ["1/0", "1/1", "1/2", "2/0", "2/1"]
    assert rows[0].endswith("a house by the sea")
    chosen = night("ls", "ni", "--where", "nsfw or seed = 2", "--sort", "-seed,prompt", "--limit", "2",
                   "--columns", "seed,meta.x,nsfw,tags,finished_at")  # fmt: skip
    titles, *rows = chosen.out.splitlines()
    assert titles.split() == ["image", "seed", "meta.x", "nsfw_flagged", "tags", "finished_at"]
    assert [row.split()[:6] for row in rows] == [
        ["night/1/2", "2", "1.5", "false", "sea,", "red"],
        ["night/2/0", "0", "1.5", "true", "sea,", "red"],
    ]


def test_images_are_listed_for_programs(night: Commands) -> None:
    outputs = night.home / "outputs"
    files = [f"{outputs}/night/00001/00001-0.png", f"{outputs}/night/00002/00002-0.png"]
    assert night("ls", "night", "-q", "--where", "seed = 0").out.split("\n") == [*files, ""]
    assert night("ls", "night", "-0", "--where", "seed = 0").out.split("\0") == [*files, ""]
    both = night("ls", "night", "-q", "--where", "seed = 0 or seed = 1", "--where", "seed != 1")
    assert both.out.split("\n") == [*files, ""]
    listed = night("ls", "night", "--json", "--where", "seed = 0").json
    assert [image["file"] for image in listed] == files
    assert listed[0].keys() == {"image", "file", *COLUMNS}
    assert listed[0]["meta"] == {"x": 1.5}
    assert datetime.fromisoformat(listed[0]["finished_at"]).tzinfo is not None
    line = night("ls", "night", "--jsonl", "--columns", "steps", "--limit", "1").out
    assert json.loads(line) == {"image": "night/1/0", "file": files[0], "num_inference_steps": 20}
    assert night("ls", "night", "--json", "--where", "seed = 9").json == []


def test_batches_take_what_images_take_as_far_as_it_means_something(night: Commands) -> None:
    with night.ledger() as ledger:
        ledger.submissions.add(plan(["x"], [0], name="two"))
    assert night("ls", "-q", "--limit", "1").out == "two\n"
    assert night("ls", "-0").out == "two\0night\0"
    lines = night("ls", "--jsonl").out.splitlines()
    assert [json.loads(line)["sdq"]["name"] for line in lines] == ["two", "night"]
    assert "Name the batch" in night("ls", "--where", "nsfw", code=2).err
    assert "exclude each other" in night("ls", "-q", "--json", code=2).err


def test_a_list_without_images_says_why(night: Commands) -> None:
    said = night("ls", "night", "--where", "seed > 5").out
    assert said == "Batch night has no finished image like that.\n"
    with night.ledger() as ledger:
        ledger.submissions.add(plan(["x"], [0], name="two"))
    assert "Batch two has no finished images yet." in night("ls", "two").out
    assert night("ls", "two", "-q").out == ""
    assert "There is no batch 'x'" in night("ls", "x", code=66).err


def test_a_mistake_in_a_condition_is_shown_where_it_is(night: Commands) -> None:
    said = night("ls", "night", "--where", "seed = 1 and stesp > 3", code=2).err
    assert said.splitlines() == [
        "sdq: The condition cannot be read: unknown column stesp; did you mean steps?",
        "    seed = 1 and stesp > 3",
        "                 ^",
    ]
    assert "unknown column" in night("ls", "night", "--sort", "-x", code=2).err
    assert "has no order" in night("ls", "night", "--sort", "meta", code=2).err
    assert "unknown column" in night("ls", "night", "--columns", "seed,x", code=2).err


def test_a_table_that_grows_fits_the_terminal() -> None:
    rows = [("night/1/1", "x" * 300, "7"), *[("night/1/2", "灯台" * 9000, "12345")] * 150]
    lines = list(growing_table(("image", "prompt", "seed"), rows, numbers=[2], cut=[1], width=60))
    assert len(lines) == 152
    assert all(cell_len(line) <= 60 for line in lines)
    assert lines[1].startswith("night/1/1  xxx")
    assert lines[1].endswith("...      7")
    wide = list(growing_table(("a", "b"), [("x", "y" * 300), ("x", "y")], numbers=[], cut=[1]))
    assert wide == ["a  b", f"x  {'y' * 300}", "x  y"]
    assert list(growing_table(("a",), [], numbers=[], cut=[])) == []
