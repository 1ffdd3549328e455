"""Tables and JSON lists as spreadsheets, data frames and programs write them."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from producer import PromptFormat, PromptLine, read_prompts
from sdq_core.errors import InputError, PromptFileError


def read(content: str, format: PromptFormat = PromptFormat.CSV) -> list[PromptLine]:
    return read_prompts(["-"], format=format, stdin=io.BytesIO(content.encode()))


def problems(content: str, format: PromptFormat = PromptFormat.CSV) -> tuple[str, ...]:
    with pytest.raises(PromptFileError) as caught:
        read(content, format)
    return caught.value.problems


@pytest.mark.parametrize(
    "table",
    [
        "sep=;\r\nprompt;seed\r\na, b;7\r\n",
        '"sep=|"\nprompt|seed\na, b|7\n',
        "sep=\t\nprompt\tseed\na, b\t7\n",
        "prompt;seed\na, b;7\n",
        "seed\tPrompt\n7\ta, b\n",
        '"prompt";"seed"\n"a, b";"7"\n',
        '\n"prompt","seed"\n"a, b","7",,\n',
    ],
)
def test_the_header_shows_what_separates_cells(table: str) -> None:
    for format in (PromptFormat.CSV, PromptFormat.TSV):
        (line,) = read(table, format)
        assert (line.prompt, line.seeds) == ("a, b", range(7, 8))


@pytest.mark.parametrize(
    "header",
    ["Negative Prompt,CFG Scale,Seed", "negative-prompt,cfg_scale,SEED", "negativePrompt,cfgScale,seed",
     " Negative  prompt ,“Guidance Scale”,Seeds"],
)  # fmt: skip
def test_column_names_are_written_in_many_ways(header: str) -> None:
    (line,) = read(f"Prompt,{header}\na,fog,7,5\n")
    assert (line.negative_prompt, line.guidance_scale, line.seeds) == ("fog", 7.0, range(5, 6))


@pytest.mark.parametrize("first", ["", "Unnamed: 0", '""'])
def test_row_numbers_and_empty_columns_without_a_name_are_passed_over(first: str) -> None:
    lines = read(f"{first},prompt,seed,\n0,a,7,\n1,b,8,\n2,c,9\n")
    assert [line.prompt for line in lines] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (
            ",prompt\n0,a\n7,b\n",
            "stdin:3: column 1 has no name, but here it has the value '7'; delete it",
        ),
        ("prompt,\na,\nb,x\nc,y\n", "stdin:3: column 2 has no name, but here it has the value 'x'"),
        ("prompt,seed\n“a, b”,7\n", 'only straight quotes (") count'),
    ],
)
def test_values_without_a_name_are_refused_once(table: str, says: str) -> None:
    (problem,) = problems(table)
    assert says in problem


def test_quotes_in_a_tab_separated_table_are_characters_unless_they_enclose_a_cell() -> None:
    lines = read(
        'prompt\tseed\n12" vinyl\t1\n"a ""red"" house"\t2\n"Open" and "shut"\t3\n', PromptFormat.TSV
    )
    assert [line.prompt for line in lines] == ['12" vinyl', 'a "red" house', '"Open" and "shut"']
    found = problems('prompt\n"two\nlines"\na\tb\n', PromptFormat.TSV)
    assert "stdin:2: a cell opens a quote and does not close it on its line" in found[0]
    assert "stdin:4: the row has 2 cells for 1 column" in found[-1]


def test_curly_quotes_around_a_cell_are_no_part_of_it() -> None:
    lines = read('prompt,n_iter\n“a tent”,2\n\'a fisherman\'s house\',2\n"""Hi""",2\n')
    assert [line.prompt for line in lines] == ["a tent", "a fisherman's house", '"Hi"']


@pytest.mark.parametrize("written", ["7", "7.0", " 7 ", "７", "7,0", "+7"])
@pytest.mark.parametrize("format", [PromptFormat.TXT, PromptFormat.TSV, PromptFormat.JSONL])
def test_a_whole_number_is_read_alike_in_every_format(format: PromptFormat, written: str) -> None:
    content = {
        PromptFormat.TXT: f"a --steps {written}",
        PromptFormat.TSV: f"prompt\tsteps\na\t{written}",
        PromptFormat.JSONL: f'{{"prompt": "a", "steps": "{written}"}}',
    }[format]
    assert read(content, format)[0].num_inference_steps == 7


def test_seeds_of_a_data_frame_are_whole() -> None:
    lines = read("prompt,seed\na,7.0\nb,\nc,0.0-9.0\n")
    assert [line.seeds for line in lines] == [range(7, 8), None, range(10)]


def test_after_a_broken_row_the_others_are_checked() -> None:
    found = problems('prompt,seed\n"a"x,1\nb,x\n"open,1\nc,y\nd,2\n')
    assert [problem.split(": ")[0] for problem in found] == [
        "stdin:2",
        "stdin:3",
        "stdin:4",
        "stdin:5",
    ]
    assert "a cell goes on behind its closing quote" in found[0]
    assert "a quote opens in this row and is never closed" in found[2]


LIST = """[
  {
    "prompt": "a",
    "seed": 7
  },
  {"prompt": "b"}
]
"""


@pytest.mark.parametrize("format", [PromptFormat.JSON, PromptFormat.JSONL])
@pytest.mark.parametrize("content", [LIST, LIST.strip("[]\n"), LIST.replace("\n", ""), f"\n{LIST}"])
def test_json_lists_and_objects_over_several_lines_are_read(
    content: str, format: PromptFormat
) -> None:
    if format is PromptFormat.JSONL and not content.lstrip().startswith(("[", "{\n")):
        return
    one, two = read(content, format)
    assert (one.prompt, one.seeds, two.prompt) == ("a", range(7, 8), "b")


def test_a_list_names_the_line_of_each_problem_and_goes_on() -> None:
    found = problems(
        '[\n  {"prompt": "a"},\n  {"prompt": "b",\n   "seed": x},\n  {"prompt": "c", "promt": 1},\n  5\n',
        PromptFormat.JSON,
    )
    assert "stdin:4: the line is not JSON: 'x}" in found[0]
    assert "stdin:5: unknown key 'promt'" in found[1]
    assert "stdin:6: the line must be an object" in found[2]
    assert "stdin:6: the list is not closed after this" in found[3]


@pytest.mark.parametrize(
    "content", ["[", "[]", "{", "5", "[[]]", '[{"prompt": "a"}', '[{"prompt": "a"}] x']
)
def test_json_that_is_no_list_of_objects_is_refused(content: str) -> None:
    assert problems(content, PromptFormat.JSON)


def test_a_long_list_is_read_in_one_pass() -> None:
    objects = ",\n".join(f'{{"prompt": "a tent, number {number}"}}' for number in range(20_000))
    lines = read(f"[\n{objects}\n]", PromptFormat.JSON)
    assert lines[-1].source == "stdin:20001"


def test_a_list_of_texts_is_a_list_of_prompts() -> None:
    assert [line.prompt for line in read('["a tent",\n "a house"]', PromptFormat.JSON)] == [
        "a tent",
        "a house",
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"prompts": ["a", "b"]}', "the key 'prompts' holds a list; leave only the list itself"),
        ('{"3": {"class_type": "KSampler", "inputs": {"seed": 5}}}', "a workflow of ComfyUI"),
        ('{"last_node_id": 9,\n "nodes": [], "links": []}', "a workflow of ComfyUI"),
    ],
)
def test_json_of_another_shape_is_named(content: str, says: str) -> None:
    (problem,) = problems(content, PromptFormat.JSON)
    assert says in problem


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("prompts.xlsx", "is a spreadsheet. Save its sheet as CSV"),
        ("prompts.ODS", "is a spreadsheet"),
        ("prompts.docx", "is a document. Save its text as a text file"),
        ("prompts.pdf", "is a document"),
        ("00001-7.png", "is an image. Draw it again with `sdq rerun`"),
    ],
)
def test_another_kind_of_file_is_refused_by_its_name(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        read_prompts([tmp_path / name])
