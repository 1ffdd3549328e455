"""Whatever a prompt says, a list that is read again has it to the letter."""

from __future__ import annotations

import io

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from db.drawn import STORED, DrawnSlice
from producer.reading.fields import build_line
from producer.reading.files import PromptFormat, read_prompts
from producer.reading.prompt_line import PromptLine
from sdq.exports.lists.csv import Csv
from sdq.exports.lists.jsonl import JsonLines, moment
from sdq.exports.lists.lines import Lines
from tests.ledger.plans import ENGINE, recipe

TEXTS = st.text(
    st.sampled_from("aZ 0,;:'\"`%{}|\\#=-_.\n\t“”’«»é夜🌊\u200d\u00a0\ufeff"), max_size=12
)


def written(line: PromptLine, notation: str) -> bytes:
    """The list of one image."""
    stored: dict[str, object] = {"seed": 7, "engine_id": 1, "finished_at": 0, "path": "a,b.png"}
    fields = {"custom_id": line.custom_id, "tags": list(line.tags), "meta": dict(line.meta)}
    drawn = DrawnSlice(
        batch_name="night",
        entry=1,
        fields={name: value for name, value in fields.items() if value},
        recipe=recipe(line.prompt, negative_prompt=line.negative_prompt or ""),
        id=1,
        rows=[tuple(stored.get(name) for name in STORED)],
        engines={1: ENGINE},
    )
    if notation == "jsonl":
        return "".join(Lines(JsonLines()).of(drawn)).encode()
    csv = Csv(list(line.meta))
    lines = Lines(csv)
    return (csv.header(*lines.columns) + "".join(lines.of(drawn))).encode()


@pytest.mark.parametrize("notation", ["jsonl", "csv"])
@given(prompt=TEXTS, negative=TEXTS, custom_id=TEXTS, tag=TEXTS, own=TEXTS)
def test_a_line_comes_back(
    notation: str, prompt: str, negative: str, custom_id: str, tag: str, own: str
) -> None:
    values = {"prompt": prompt, "negative_prompt": negative, "custom_id": custom_id,
              "tags": [tag], "meta": {"own": own}}  # fmt: skip
    line = build_line(values, source="", problems=[])
    assume(line is not None)
    assert line is not None
    stream = io.BytesIO(written(line, notation))
    [again] = read_prompts(["-"], format=PromptFormat(notation), stdin=stream)
    assert again.prompt == line.prompt
    assert again.negative_prompt == line.negative_prompt
    assert again.custom_id == line.custom_id
    assert list(again.seeds or ()) == [7]
    assert again.is_exported
    if notation == "jsonl":
        assert (again.tags, again.meta) == (line.tags, line.meta)
    else:
        # White space, and marks at the ends of lines, are not part of a cell.
        found, asked = (
            text.replace("\ufeff", "").strip() for text in (again.meta.get("own", ""), own)
        )
        assert found == asked


def test_a_table_with_results_is_read_to_the_letter_and_any_other_as_ever() -> None:
    table = "prompt,negative_prompt,{}\n'a house',,x\n"
    for column, prompt, negative in (("result.path", "'a house'", ""), ("meta.x", "a house", None)):
        stream = io.BytesIO(table.format(column).encode())
        [line] = read_prompts(["-"], format=PromptFormat.CSV, stdin=stream)
        assert (line.prompt, line.negative_prompt) == (prompt, negative)


def test_times_are_those_of_the_calendar() -> None:
    assert moment(0) == "1970-01-01T00:00:00.000Z"
    assert moment(1_772_323_199_999) == "2026-02-28T23:59:59.999Z"
