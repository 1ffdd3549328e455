"""Batch files in YAML and TOML: entries, what is for all of them, and mistakes with their lines."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from producer import PromptFormat, PromptLine, read_prompts
from sdq_core.errors import PromptFileError
from sdq_core.values.variants import AttentionImplementation

YAML, TOML = PromptFormat.YAML, PromptFormat.TOML


def read(content: str, format: PromptFormat) -> list[PromptLine]:
    return read_prompts(["-"], format=format, stdin=io.BytesIO(content.encode()))


def refused(content: str, format: PromptFormat) -> list[str]:
    with pytest.raises(PromptFileError) as caught:
        read(content, format)
    return list(caught.value.problems)


IN_YAML = """\
# For all of them:
steps: [20, 30]
Negative Prompt: fog, rain
seed: 0-9
prompts:
  - a red house by the sea
  - prompt: "a tent: at night"
    steps: 40
    seed: [7, 9]
    custom_id: 12
    tags: [snow, night]
    variant: [original, split_einsum]
    meta: {series: camping, on: 2024-05-01, is_new: yes, at: 12:30, number: 1.50, none: ~}
  - prompt:
    - a boat
    - >
      a folded
      prompt
"""
IN_TOML = """\
steps = [20, 30]
"Negative Prompt" = "fog, rain"
seed = "0-9"

[[prompts]]
prompt = "a red house by the sea"

[[prompts]]
prompt = "a tent: at night"
steps = 40
seed = [7, 9]
custom_id = 12
tags = ["snow", "night"]
variant = ["original", "split_einsum"]
meta = {series = "camping", on = 2024-05-01, is_new = "yes", at = "12:30", number = 1.50}

[[prompts]]
prompt = ["a boat", "a folded prompt"]
"""


@pytest.mark.parametrize(("format", "content"), [(YAML, IN_YAML), (TOML, IN_TOML)])
def test_entries_have_their_own_options_and_those_of_all(
    format: PromptFormat, content: str
) -> None:
    lines = read(content, format)
    assert [(one.prompt, one.num_inference_steps) for one in lines] == [
        ("a red house by the sea", 20), ("a red house by the sea", 30), ("a tent: at night", 40),
        ("a boat", 20), ("a boat", 30), ("a folded prompt", 20), ("a folded prompt", 30),
    ]  # fmt: skip
    assert {one.negative_prompt for one in lines} == {"fog, rain"}
    assert lines[0].seeds == range(10)
    tent = lines[2]
    assert (tent.seeds, tent.custom_id, tent.tags) == (range(7, 11, 2), "12", ("snow", "night"))
    assert tent.variants == (
        AttentionImplementation.ORIGINAL,
        AttentionImplementation.SPLIT_EINSUM,
    )
    meta = dict(tent.meta)
    assert meta.pop("none", None) is None
    assert meta == {
        "series": "camping", "on": "2024-05-01", "is_new": "yes", "at": "12:30", "number": 1.5
    }  # fmt: skip
    assert tent.source == ("stdin:7" if format is YAML else "stdin:8")


@pytest.mark.parametrize(
    ("format", "content", "prompts"),
    [
        (YAML, "- a\n- 'b: c'\n- {prompt: d}\n", ["a", "b: c", "d"]),
        (YAML, "[a, b]", ["a", "b"]),
        (YAML, '{"prompts": ["a", {"prompt": "b"}]}', ["a", "b"]),
        (YAML, "prompt: a\nsteps: 3\n", ["a"]),
        (YAML, "---\nprompt: a\n...\n", ["a"]),
        (YAML, "prompt: &a a\nmeta: {same: *a}\n", ["a"]),
        (YAML, "- no\n- null and void\n- 'true'\n- !!str 5\n- 1_000\n",
         ["no", "null and void", "true", "5", "1_000"]),
        (TOML, 'prompts = ["a", "b"]', ["a", "b"]),
        (TOML, 'prompts = [{prompt = "a"}, "b"]', ["a", "b"]),
        (TOML, 'prompt = "a"\nsteps = 3\n', ["a"]),
    ],
)  # fmt: skip
def test_short_forms(format: PromptFormat, content: str, prompts: list[str]) -> None:
    assert [one.prompt for one in read(content, format)] == prompts


@pytest.mark.parametrize(
    ("format", "content", "says"),
    [
        (YAML, "- a\n- {prompt: b, stepz: 3}\n", "stdin:2: unknown key 'stepz'; did you mean steps?"),
        (YAML, "- a\n- prompt: b\n  steps: many\n", "stdin:2: num_inference_steps is 'many'"),
        (YAML, "- a\n- {steps: 3}\n", "stdin:2: the prompt is missing"),
        (YAML, "- a\n- 5\n", "stdin:2: an entry must be a text, or an object with a prompt"),
        (YAML, "- a\n- [b]\n", "stdin:2: an entry must be a text, or an object with a prompt"),
        (YAML, "- a\n- {red|blue}\n", "stdin:2: an entry has no prompt; put quotes around a text"),
        (YAML, "- prompt: 5\n", "stdin:1: prompt must be text, not a number"),
        (YAML, "- a\n b: c\n", "stdin:2: this is not YAML: ': ' stands where no key can be"),
        (YAML, "- a\n\t- b: c\n", "stdin:2: this is not YAML: a tab stands at the beginning of a line"),
        (YAML, "- [a\n", "stdin:2: this is not YAML: a bracket or a quote that opens is not closed"),
        (YAML, "prompts:\n- a\nprompts: [b]\n", "stdin:3: the key 'prompts' is given twice"),
        (YAML, "steps: 3\nprompts: a\n", "stdin:2: prompts must be a list"),
        (YAML, "stepz: 3\nprompts: [a]\n", "stdin:1: unknown key 'stepz'"),
        (YAML, "just text\n", "stdin:1: the file must hold a list of prompts"),
        (YAML, "? [a]\n: b\n", "stdin:1: a key is a list or an object; write a text"),
        (YAML, "a: *b\n", "stdin:1: nothing above is named '&b'"),
        (YAML, "a: &a [*a]\n", "stdin:1: nothing above is named '&a'"),
        (YAML, "- a\n---\n- b\n", "stdin:2: a second document begins here"),
        (YAML, "[" * 100, "stdin:1: it is nested more than 64 levels deep"),
        (YAML, "", "stdin:1: this file has no prompts"),
        (YAML, "prompts: []\n", "stdin:1: this file has no prompts"),
        (YAML, "# nothing\n", "stdin:1: this file has no prompts"),
        (YAML, "- a\n- b\0c\n", "stdin:1: this is not YAML: it contains a control character"),
        (TOML, "[[prompts]]\nprompt = a\n", "stdin:2: this is not TOML: put straight quotes around a text"),
        (TOML, 'prompt = "a"\nprompt = "b"', "stdin:2: this is not TOML: a key is given twice"),
        (TOML, "[[prompts]]\n", "stdin:1: the prompt is missing"),
        (TOML, 'steps = 3\n[[prompts]]\nprompt = "a"\n\n[[prompts]]\nprompt = "b"\nseed = "x"\n',
         "stdin:5: seeds 'x' cannot be read"),
        (TOML, "steps = " + "9" * 5000, "stdin:1: this is not TOML that can be read"),
        (TOML, "prompts = " + "[" * 100 + "]" * 100, "stdin:1: it is nested more than 64 levels deep"),
        (TOML, 'prompt = "a"\nguidance_scale = nan\n', "stdin:1: guidance_scale is 'nan'"),
        (TOML, "a." * 100_000 + "b = 1", "stdin:1: this TOML has lines with thousands of dots"),
        (TOML, "", "stdin:1: this file has no prompts"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_lines(format: PromptFormat, content: str, says: str) -> None:
    (said, *_) = refused(content, format)
    assert said.startswith(says)


def test_a_text_that_begins_with_a_brace_is_told_to_need_quotes() -> None:
    (said,) = refused("- a\n- {b|c} house\n", YAML)
    assert said.startswith("stdin:2: this is not YAML: ")
    assert said.endswith(": put quotes around a text that begins with a brace")


def test_all_entries_are_checked() -> None:
    assert len(refused("- {steps: 3}\n- a\n- {prompt: b, seed: x}\n", YAML)) == 2


ENTRIES = st.lists(
    st.fixed_dictionaries(
        {
            "prompt": st.text("ab:#-'\"{}[]&*!|>%@,? \\é日", min_size=1).map(
                lambda text: f"a {text} b"
            )
        },
        optional={
            "negative_prompt": st.sampled_from(["", "no", "fog: rain", "null", "7"]),
            "steps": st.sampled_from([3, [20, 30], "20,30", "7.0"]),
            "guidance_scale": st.sampled_from([7.5, "7,5", [1, 2.5]]),
            "seed": st.sampled_from([7, "0-9", [1, 5]]),
            "tags": st.just(["x", "y"]),
            "meta": st.just({"k": [1, 1.5, True, "yes", {"a": "1e5", "b": "007"}]}),
            "custom_id": st.from_regex(r"[0-9]{1,4}([.e_:-][0-9]{1,3})?", fullmatch=True),
        },
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda entry: entry.get("custom_id", entry["prompt"]),
)


def in_toml(entries: list[dict[str, object]]) -> str:
    def value(one: object) -> str:
        if isinstance(one, dict):
            return "{" + ", ".join(f"{key} = {value(inner)}" for key, inner in one.items()) + "}"
        if isinstance(one, list):
            return "[" + ", ".join(map(value, one)) + "]"
        return json.dumps(one, ensure_ascii=False)

    return "\n".join(
        "\n".join(["[[prompts]]", *(f"{key} = {value(one)}" for key, one in entry.items())])
        for entry in entries
    )


@settings(max_examples=100)
@given(entries=ENTRIES)
def test_the_same_entries_are_the_same_lines_in_every_format(
    entries: list[dict[str, object]],
) -> None:
    written = {
        PromptFormat.JSONL: "\n".join(map(json.dumps, entries)),
        YAML: yaml.safe_dump({"prompts": entries}, allow_unicode=True),
        TOML: in_toml(entries),
    }
    found = {}
    for format, content in written.items():
        try:
            found[format] = [replace(one, source="") for one in read(content, format)]
        except PromptFileError as error:
            # Lines differ; other tools' syntax is refused alike.
            found[format] = [problem.partition(": ")[2] for problem in error.problems]
    assert found[YAML] == found[TOML] == found[PromptFormat.JSONL]


TEXTS = st.text(alphabet=st.sampled_from(list("ab:-[]{}&*!|>'\"#%@`,?~ \n\t=.5é\0")), max_size=60)


@settings(max_examples=400)
@given(format=st.sampled_from([YAML, TOML]), content=TEXTS)
@example(format=YAML, content="a: &a\n  <<: *a")
@example(format=YAML, content="!!python/object/apply:os.system ['true']")
def test_any_text_is_read_or_refused(format: PromptFormat, content: str) -> None:
    try:
        lines = read(content, format)
    except PromptFileError as error:
        lines = []
        problems = error.problems
    else:
        problems = ()
    assert all(problem.startswith("stdin:") for problem in problems)
    assert all(one.prompt for one in lines)
