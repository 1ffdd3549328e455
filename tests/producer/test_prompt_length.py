"""What a text encoder does not read is known when submitting, without a tokenizer installed."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from producer.planning.prompt_length import cut_after
from worker.pipelines.tokenizer import ClipTokenizer

GOLDEN = Path(__file__).parent.parent / "golden"
CASES = [
    case
    for case in json.loads((GOLDEN / "tokenizer.json").read_text())
    if case["pad_token"] != "!" and "<|" not in case["prompt"]
]


def test_what_transformers_cuts_is_cut() -> None:
    cut = {case["prompt"]: cut_after(case["prompt"], GOLDEN / "tokenizer") for case in CASES}
    assert {prompt for prompt, read in cut.items() if read is not None} == {
        case["prompt"] for case in CASES if case["truncated_tokens"]
    }
    assert any(cut.values())


def test_every_prompt_is_cut_as_the_engine_cuts_it() -> None:
    engine = ClipTokenizer(GOLDEN / "tokenizer")
    words = [
        "Lighthouse",
        "sea,",
        "it's",
        "½m²",
        "灯台",
        "naïve",
        "#5",
        "!!!",
        "x_y",
        "1999",
        "Größe",
        "מגדלור",
        "🎈",
    ]
    dice = random.Random(7)
    for length in range(20, 80):
        prompt = " ".join(dice.choices(words, k=length))
        is_cut = cut_after(prompt, GOLDEN / "tokenizer") is not None
        assert is_cut == (engine(prompt).truncated_tokens > 0), prompt


@pytest.mark.parametrize("joined", [" ", "  ", "\n"])
def test_75_tokens_fit_and_the_place_of_the_cut_is_told(joined: str) -> None:
    assert cut_after(joined.join("a" * 75), GOLDEN / "tokenizer") is None
    assert cut_after("a " * 74 + "b C D", GOLDEN / "tokenizer") == "a " * 74 + "b"


def test_a_word_without_end_takes_no_time() -> None:
    assert cut_after("x" * 20_000, GOLDEN / "tokenizer") == ""


def test_a_tokenizer_that_cannot_be_read_counts_nothing(tmp_path: Path) -> None:
    assert cut_after("a " * 100, tmp_path) is None
