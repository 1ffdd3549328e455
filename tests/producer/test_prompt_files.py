"""Tables, JSON Lines, standard input, and files that are no prompt files at all."""

from __future__ import annotations

import io
import json
import os
import time
from pathlib import Path

import pytest

from producer import PromptFormat, describe_source, read_prompts
from producer.reading import lines as lines_module
from sdq_core.errors import InputError, InputMissingError, PromptFileError, StorageError, UsageError
from sdq_core.values.variants import AttentionImplementation, Scheduler


def problems_of(path: Path, content: bytes | str) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    started = time.process_time()
    with pytest.raises(PromptFileError) as caught:
        read_prompts([path])
    assert time.process_time() - started < 5
    assert all(problem.startswith(f"{path}:") for problem in caught.value.problems)
    return "\n".join(caught.value.problems).replace(f"{path.parent}/", "")


def test_a_table_with_blank_cells_and_meta_columns(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(
        "\ufeffprompt,Seed,steps,custom-id,meta.Source,tags\r\n"
        '"a house, red",0-9,,c1,book,"x; y"\r\n'
        "\r\n"
        '"two\nlines",,5,,,\r\n'
        "short\r\n",
        encoding="utf-8",
        newline="",
    )
    one, two, three = read_prompts([path])
    assert (one.prompt, one.seeds, one.num_inference_steps) == ("a house, red", range(10), None)
    assert (one.custom_id, one.meta, one.tags) == ("c1", {"Source": "book"}, ("x", "y"))
    assert (two.prompt, two.num_inference_steps, two.source) == ("two\nlines", 5, f"{path}:4")
    assert (three.prompt, three.source) == ("short", f"{path}:6")


def test_tabs_separate_in_tsv(tmp_path: Path) -> None:
    path = tmp_path / "p.TSV"
    path.write_text("seed\tprompt\n3\ta, b\n")
    (line,) = read_prompts([path])
    assert (line.prompt, list(line.seeds or ())) == ("a, b", [3])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a red house\na tent\n", "p.csv:1: there is no prompt column"),
        ("prompt;seed\na;x\n", "p.csv:2: seeds 'x'"),
        ("prompt,sead\na,1\n", "unknown column 'sead'; did you mean seed?"),
        ("prompt,sead\na,1\n", "meta.NAME"),
        ("prompt,\na,1\n", "column 2 has no name"),
        ("prompt,meta\na,1\n", "needs a name after it"),
        ("prompt,steps,num_inference_steps\na,1,1\n", "two columns mean num_inference_steps"),
        ("prompt\na, b\n", "p.csv:2: the row has 2 cells for 1 column;"),
        ("prompt,seed\n,4\n", "p.csv:2: the prompt is missing"),
        ('prompt\n"open\nand on\n', "p.csv:2: a quote opens in this row and is never closed"),
        ("prompt\n" + "y" * 200_000 + "\n", "p.csv:2: a cell is longer than 131,072 characters"),
        ("prompt" + ",x" * 600 + "\n", "601 columns; the limit is 500"),
        ("," * 1_000_000 + "\n", "this file has no prompts"),
        ("x," * 1_000_000 + "\n", "the line is longer than 1,048,576 bytes"),
        ("prompt,seed\na,1\nb,x\nc,y\n", "p.csv:4: seeds 'y'"),
        ("prompt\n", "p.csv:1: this file has no prompts"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, text: str, says: str) -> None:
    assert says in problems_of(tmp_path / "p.csv", text)


def test_json_lines_with_every_key(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    record = {
        "custom_id": "c1",
        "prompt": "a house",
        "negative_prompt": None,
        "seed": [3, 1, 3],
        "steps": 12.0,
        "guidance_scale": 5,
        "scheduler": "DDIM",
        "variant": ["original"],
        "tags": ["t", "t"],
        "meta": {"n": [1, {"m": None}]},
        "result": {"path": "a.png"},
    }
    path.write_text(f"{json.dumps(record)}\n\n" + '{"prompt": "b", "seed": -1}\n')
    one, two = read_prompts([path])
    assert (one.custom_id, one.prompt, one.negative_prompt) == ("c1", "a house", None)
    assert (list(one.seeds or ()), one.num_inference_steps) == ([3, 1], 12)
    assert (one.guidance_scale, one.scheduler) == (5.0, Scheduler.DDIM)
    assert one.variants == (AttentionImplementation.ORIGINAL,)
    assert (one.tags, one.meta) == (("t",), {"n": [1, {"m": None}]})
    assert (two.random_seeds, two.source) == (1, f"{path}:3")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1]", "must be an object"),
        ("{", "not JSON: it ends here, but something is still open (column 2)"),
        ("{'prompt': 1}", '"\'" (U+0027) is not a JSON quote; use " (column 2)'),
        ('{“prompt”: "a"}', "(U+201C) is not a JSON quote"),
        ('{"prompt": "a",}', "the last comma must go"),
        ('{"prompt": "a}', "a text opens here and is not closed (column 12)"),
        ('{"prompt": "a\tb"}', "another control character"),
        ('{"prompt": "a\\x"}', "a backslash in a text is written twice"),
        ('{"prompt": "a"} {"prompt": "b"}', "write one object a line"),
        ('{"prompt": None}', "'None}' was not expected"),
        ('{"prompt": "a", "prompt": "b"}', "key 'prompt' is given twice"),
        ('{"prompt": "a", "steps": 1, "num_inference_steps": 1}', "two keys mean"),
        ('{"prompt": "a", "promt": "b"}', "unknown key 'promt'; did you mean prompt?"),
        ('{"seed": 1}', "the prompt is missing"),
        ('{"prompt": ""}', "the prompt is empty"),
        ('{"prompt": null}', "the prompt is missing"),
        ('{"prompt": 5}', "prompt must be text, not a number"),
        ('{"prompt": "a", "seed": true}', "seed must be a number, not true or false"),
        ('{"prompt": "a", "seed": [1, "x"]}', "which is not a number"),
        ('{"prompt": "a", "seed": []}', "seed lists 0 seeds"),
        ('{"prompt": "a", "seed": 1e400}', "too large"),
        ('{"prompt": "a", "seed": NaN}', "NaN is not a JSON number"),
        ('{"prompt": "a", "seed": ' + "9" * 500_000 + "}", "too many digits"),
        ('{"prompt": "a", "tags": "x", "meta": 5}', "meta must be an object"),
        ('{"prompt": "half \\ud83d pair"}', r"\ud83d is half a surrogate pair"),
        ('{"prompt": "a", "meta": {"k": "\\u0000"}}', "NUL"),
        ('{"prompt": "a", "meta": {"\\udc00": 1}}', "half a surrogate pair"),
        (
            '{"prompt": "a", "meta": ' + '{"k":' * 50 + "1" + "}" * 50 + "}",
            "more than 32 levels deep",
        ),
        ("[" * 500_000, "nested too deep"),
        ("{" + ",".join(f'"k{i}":1' for i in range(2000)) + "}", "2,000 keys"),
        ('{"prompt": "' + "x" * 10_000_000 + '"}', "longer than 1,048,576 bytes"),
    ],
)
def test_json_lines_that_cannot_be_used(tmp_path: Path, text: str, says: str) -> None:
    found = problems_of(tmp_path / "p.jsonl", '{"prompt": "fine"}\n' + text + "\n")
    assert found.startswith("p.jsonl:2: ")
    assert says in found
    assert len(found) < 400


def test_a_long_line_does_not_hide_the_rest(tmp_path: Path) -> None:
    found = problems_of(tmp_path / "p.txt", "x" * 10_000_000 + "\nfine\nb --foo 1\n")
    assert "p.txt:1: the line is longer" in found
    assert "p.txt:3: unknown option" in found


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "p.txt:1: this file has no prompts"),
        (b"# only\n\n", "this file has no prompts"),
        (
            b"fine\ncaf\xe9\n",
            "p.txt:2: the line is not UTF-8, as its byte 0xE9 shows; save the file as UTF-8",
        ),
        (b"\xef\xbb\xbfcaf\xe9\n", "p.txt:1: the line is not UTF-8"),
        ("a house\n".encode("utf-16"), "p.txt:1: this is UTF-16; save it as UTF-8"),
        (b"PK\x03\x04zzz", "zip file"),
        (b"\x89PNG\r\n\x1a\n\0\0", "this is an image; `sdq rerun` draws it again"),
        (b"a\0b\n", "character U+0000"),
        ("灯台\n".encode("utf-16-le"), "UTF-16 without a mark"),
        (rb"{\rtf1 a house}", "RTF"),
        (b"<!DOCTYPE html>\n<html>", "this is a web page"),
    ],
)
def test_bytes_that_are_no_text(tmp_path: Path, content: bytes, says: str) -> None:
    assert says in problems_of(tmp_path / "p.txt", content)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match=r"gone\.txt does not exist"):
        read_prompts([tmp_path / "gone.txt"])
    with pytest.raises(InputMissingError, match="No file can have the name"):
        read_prompts(["a\0b.txt"])
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        read_prompts([tmp_path / "folder.txt"])
    with pytest.raises(
        InputMissingError, match=r"does not exist\. If it is a prompt, write --prompt"
    ):
        read_prompts(["a red house"])
    with pytest.raises(InputError, match="is a folder"):
        read_prompts([tmp_path])
    (tmp_path / "prompts.md").write_text("a red house\n")
    with pytest.raises(UsageError, match="Add --format"):
        read_prompts([tmp_path / "prompts.md"])


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("a house\n")
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(
            InputMissingError, match=r"Cannot read .*secret\.txt \(Permission denied\)"
        ):
            read_prompts([path])
    finally:
        os.seteuid(user)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that fails to read")
def test_a_disk_that_does_not_answer() -> None:
    with pytest.raises(StorageError, match="Input/output error"):
        read_prompts(["/proc/self/mem"], format=PromptFormat.TXT)


def test_an_endless_device_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "MAX_FILE_BYTES", 2**22)
    with pytest.raises(PromptFileError, match="split it"):
        read_prompts(["/dev/zero"], format=PromptFormat.TXT)


def test_standard_input_and_prompts_on_the_command_line() -> None:
    given = io.BytesIO(b"prompt,seed\na,1\n")
    one, two = read_prompts(["-"], ["b --seed 3"], format=PromptFormat.CSV, stdin=given)
    assert (one.prompt, one.source) == ("a", "stdin:2")
    assert (two.prompt, two.source, two.seeds) == ("b --seed 3", "--prompt", None)
    with pytest.raises(UsageError, match="only once"):
        read_prompts(["-", "-"])
    with pytest.raises(UsageError, match="no prompts"):
        read_prompts()
    with pytest.raises(PromptFileError, match="--prompt: the prompt is empty"):
        read_prompts(texts=["  "])


def test_files_report_their_problems_together(tmp_path: Path) -> None:
    one, two = tmp_path / "1.txt", tmp_path / "2.csv"
    one.write_text("a --foo 1\n")
    two.write_text("prompt,seed\na,x\n")
    with pytest.raises(PromptFileError) as caught:
        read_prompts([one, two])
    assert len(caught.value.problems) == 2


def test_a_custom_id_means_one_prompt(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("prompt,custom_id\na,1\nb,2\nc,1\n")
    with pytest.raises(
        PromptFileError, match=r"p\.csv:4: custom_id '1' is already used by .*p\.csv:2"
    ):
        read_prompts([path])


def test_a_submission_is_named_after_its_first_file(tmp_path: Path) -> None:
    source = describe_source([tmp_path / "night.run.txt", "-"], ["x"])
    assert source.name == "night.run"
    assert source.text == f"{tmp_path}/night.run.txt\n-\n--prompt"
    assert describe_source(["-"]).name == "stdin"
    assert describe_source([], ["x"]).name == "prompt"


def test_ten_thousand_prompts_are_read_quickly(tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_text(
        "".join(
            f"a red house, number {i}, by the sea --steps 30 --seed {i}\n" for i in range(10_000)
        )
    )
    started = time.process_time()
    assert len(read_prompts([path])) == 10_000
    assert time.process_time() - started < 2  # 0.3 s alone on a slow machine; room for a busy one


@pytest.mark.parametrize(("ending", "count"), [("txt", 8), ("csv", 3), ("jsonl", 3)])
def test_the_examples_are_read(ending: str, count: int) -> None:
    assert (
        len(read_prompts([Path(__file__).parents[2] / "examples" / f"prompts.{ending}"])) == count
    )
