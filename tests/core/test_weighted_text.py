"""Weights in prompts are read as AUTOMATIC1111 reads them; what it gives comes from `tools/record_weights.py`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdq_core.errors import InputError
from sdq_core.values.limits import MAX_TEXT_CHARS
from sdq_core.values.weighted_text import weighted_parts, words_of

GOLDEN = Path(__file__).parent.parent / "golden" / "weights.json"


def joined(parts):
    """Return [text, weight] for each, with neighbours of one weight as one: parts without text may part them."""
    found = []
    for text, weight in parts:
        if found and found[-1][1] == weight:
            found[-1][0] += text
        else:
            found.append([text, weight])
    return found


def parsed(prompt):
    return [[part.text, part.weight] for part in weighted_parts(prompt)]


def test_every_recorded_prompt_has_the_parts_and_weights_that_its_tool_gives():
    recorded = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert len(recorded) > 250
    for prompt, parts in recorded:
        assert parsed(prompt) == joined(parts), prompt


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("a (red:1.3) house", [["a ", 1.0], ["red", 1.3], [" house", 1.0]]),
        (r"\(a\) cat :\)", [["(a) cat :)", 1.0]]),
        ("one BREAK two AND three", [["one BREAK two AND three", 1.0]]),
        ("[a:b:0.5]", [["a:b:0.5", 1 / 1.1]]),
        ("(a:1.2.3)", [["a:1.2.3", 1.1]]),
        ("", []),
    ],
)
def test_what_is_no_weight_is_text(prompt, parts):
    assert parsed(prompt) == parts


def test_a_prompts_words_are_what_is_left_without_the_syntax():
    assert words_of(r"a (red:1.3) house [at night] \(1\)") == "a red house at night (1)"


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a (b:101) c", "'b' has a weight of 101; use -100 to 100"),
        ("(a:-1000)", "'a' has a weight of -1000; use -100 to 100"),
        (f"(a:{'9' * 400})", "'a' has a weight of inf"),
        ("((a:100):100)", "'a' has a weight of 10000"),
        ("(" * 101, r"more than 100 brackets are open at once; write \( for a bracket"),
    ],
)
def test_weights_without_meaning_are_refused(prompt, said):
    with pytest.raises(InputError) as caught:
        weighted_parts(prompt)
    assert said in str(caught.value)


def test_the_longest_prompts_are_read_at_once():
    weighted_parts("(a:1)[b]" * (MAX_TEXT_CHARS // 8))
    weighted_parts("(" * 40 + "a[" * 100 + ":" * (MAX_TEXT_CHARS - 240))
    weighted_parts((": " * MAX_TEXT_CHARS)[:MAX_TEXT_CHARS])
