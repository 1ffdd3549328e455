"""Hostile prompt files through the real `sdq submit`: one clear error, bounded, and nothing half-queued."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer import Defaults, PromptFormat, read_prompts
from producer.planning.plan import plan_batch
from sdq_core.errors import PromptFileError
from sdq_core.images.path import batch_folder
from sdq_core.models import ModelStore
from sdq_core.values.variants import AttentionImplementation, ComputeUnit
from tests.acceptance.program import SDQ, Program
from tests.hostile.bounded import run_bounded

MILLION = 1_000_000
#: What `sdq submit` takes to refuse an empty file is 140 MiB and 0.6 s; these leave room for a busy machine.
MOST_BYTES = 400 << 20
MOST_CPU_S = 8.0

REFUSED: dict[str, tuple[str, bytes, str]] = {
    "a line of 10 MB": ("p.txt", b"x" * 10 * MILLION, "p.txt:1: the line is longer"),
    "very many options": ("p.txt", b"a " + b"--x 1 " * 150_000, "p.txt:1: unknown option '--x'"),
    "all lines wrong": ("p.txt", b"--x\n" * MILLION, "p.txt:1: unknown option '--x'"),
    "all seeds again": (
        "p.txt",
        b"".join(b"p%d --seed 0-999999\n" % number for number in range(20_000)),
        "p.txt:11: more than 10,000,000 images",
    ),
    "a million columns": ("p.csv", b"prompt" + b",x" * MILLION, "p.csv:1: the line is longer"),
    "a row that never ends": (
        "p.csv",
        b"prompt,seed\n" + b'"a\n",' * 2 * MILLION,
        "p.csv:2: the row is longer",
    ),
    "deep lists": ("p.jsonl", b"[" * 900_000, "p.jsonl:1: the JSON is nested too deep"),
    "far too much meta": (
        "p.jsonl",
        b'{"prompt":"a","meta":{"k":[' + b"[]," * 300_000 + b"[]]}}\n",
        "p.jsonl:1: meta has more than 10,000 values",
    ),
}

#: Small ones, refused together: a submission names what is wrong in all of its files.
REFUSED_TOGETHER: dict[str, tuple[bytes, str]] = {
    "nul.txt": (b"a\0b\n", "nul.txt:1: prompt contains the character U+0000"),
    "escape.txt": (
        b"fine\na \x1b[2J house\n",
        "escape.txt:2: prompt contains the character U+001B",
    ),
    "half.txt": (b"a \xed\xa0\x80 house\n", "half.txt:1: the line is not UTF-8"),
    "utf16.txt": ("a".encode("utf-16-le"), "utf16.txt:1: this is UTF-16"),
    "again.txt": (b"a " + b"--n '' " * 140_000, "again.txt:1: --n is given twice"),
    "seeds.txt": (b"a --seed 0-4294967295\n", "4,294,967,296 seeds or more"),
    "deep.jsonl": (b'{"a":' * 150_000, "deep.jsonl:1: the JSON is nested too deep"),
    "nan.jsonl": (b'{"prompt":"a","cfg_scale":NaN}', "nan.jsonl:1: NaN is not a JSON number"),
    "float.jsonl": (b'{"prompt":"a","cfg_scale":1e999}', "float.jsonl:1: the number"),
    "int.jsonl": (b'{"prompt":"a","seed":' + b"9" * 500_000 + b"}", "int.jsonl:1: the number"),
    "twice.jsonl": (b'{"prompt":"a","prompt":"b"}', "the key 'prompt' is given twice"),
    "model.jsonl": (b'{"prompt":"a","model":"%b"}' % (b"x" * 9999), "more than 1,000 characters"),
}


@pytest.mark.parametrize(("name", "content", "says"), REFUSED.values(), ids=REFUSED)
def test_is_refused_in_bounded_time_and_memory(
    program: Program, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert_refused(program, [tmp_path / name], [says])


def test_small_ones_are_refused_together(program: Program, tmp_path: Path) -> None:
    for name, (content, _) in REFUSED_TOGETHER.items():
        (tmp_path / name).write_bytes(content)
    assert_refused(
        program,
        [tmp_path / name for name in REFUSED_TOGETHER],
        [says for _, says in REFUSED_TOGETHER.values()],
    )


def test_a_model_of_nobody_and_an_id_without_end(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": "a", "model": "~nobody-here/x"}\n')
    with pytest.raises(PromptFileError, match="There is no model '~nobody-here/x'"):
        plan_batch(read_prompts([path]), DEFAULTS, _store.find)
    path.write_text(('{"prompt": "a", "custom_id": "' + "i" * 19_000 + '"}\n') * 30)
    with pytest.raises(PromptFileError) as caught:
        read_prompts([path])
    assert len(str(caught.value)) < 10_000


def assert_refused(program: Program, files: list[Path], all_said: list[str]) -> None:
    ended = run_bounded([SDQ, "submit", *files], environment=program.environment)
    assert ended.code == 65, ended
    assert not [says for says in all_said if says not in ended.stderr], ended.stderr
    assert ended.stderr.endswith("Nothing was queued.\n")
    assert len(ended.stderr) < 10_000
    assert ended.peak_bytes < MOST_BYTES
    assert ended.cpu_s < MOST_CPU_S
    assert not (program.home / "sdq.db").exists()
    assert not (program.home / "redis").exists()


def test_no_escape_sequence_reaches_a_terminal(program: Program, tmp_path: Path) -> None:
    shown = {
        "\x1b[2J.txt": (b"", rb"\x1b[2J.txt:1: this file has no prompts"),
        "p.txt": (b'a --x\x1b[2J "open', rb"'--x\x1b[2J' is not closed"),
        "p.csv": (b"prompt,\x1b[2J\na,b\n", rb"column '\x1b[2J'"),
    }
    for name, (content, _) in shown.items():
        (tmp_path / name).write_bytes(content)
    # A real terminal: where none is, click takes the sequences away by itself.
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [SDQ, "submit", *(tmp_path / name for name in shown)],
        env=program.environment, stdout=theirs, stderr=theirs, stdin=theirs,
    ) as process:  # fmt: skip
        assert process.wait(60) == 65
    os.close(theirs)
    said = b""
    while not said.endswith(b"queued.\r\n"):
        said += os.read(ours, 1 << 16)
    os.close(ours)
    assert not [sentence for _, sentence in shown.values() if sentence not in said], said
    assert b"\x1b" not in said


def test_names_that_lead_elsewhere_are_taken_and_stay_names(
    program: Program, tmp_path: Path
) -> None:
    path = os.fsencode(tmp_path) + b"/a\xff\x1b[2J\nb.jsonl"
    with open(path, "wb") as file:  # noqa: PTH123  bytes that are no text
        file.write(b'{"prompt": "a", "custom_id": "../../../etc/passwd"}\n')
    result = program.run("submit", os.fsdecode(path))
    assert result.stdout == "Batch a\\udcff\\x1b[2J_b: 1 image to draw.\n"
    result = program.call("submit", os.fsdecode(path), "--batch", "../../escaped")
    assert result.stdout == "Batch ../../escaped: 1 image to draw.\n"
    assert "/" not in batch_folder("../../escaped")


DEFAULTS = Defaults(
    model="demo", variants=(AttentionImplementation.ORIGINAL,), compute_unit=ComputeUnit.ALL
)
SEPARATORS = ["\n", "\r\n", ",", "\t", '"', "'", "--", " --seed ", " --n ", "0-9", "\\", "{", "}"]
KEYS = ['{"prompt": "a"', ', "seed": ', ', "meta": ', "prompt,seed\n", "prompt\tseed\n", "-1", "\0"]
TEXT = st.lists(st.sampled_from(SEPARATORS + KEYS) | st.text(max_size=8), max_size=12).map("".join)


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(PromptFormat),
    st.binary(max_size=200) | TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")),
)
def test_any_file_is_read_and_planned_or_refused(
    tmp_path_factory: pytest.TempPathFactory, format: PromptFormat, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.prompts"
    path.write_bytes(content)
    problems: tuple[str, ...] = ()
    try:
        lines = read_prompts([path], format=format)
        plan = plan_batch(lines, DEFAULTS, _store.find)
    except PromptFileError as error:
        problems = error.problems
    else:
        assert plan.entries
        assert len(plan.key) == 64
        assert all(line.prompt.strip() == line.prompt != "" for line in lines)
    assert all(problem.startswith(f"{path}:") for problem in problems)


_store = ModelStore(Path("nowhere"))
