"""What is wrong with many lines is told once, with its lines; known words are listed once; guesses are near."""

from __future__ import annotations

import io

import pytest

from producer import PromptFormat, read_prompts
from sdq_core.errors import PromptFileError


def refused(content: str, format: PromptFormat = PromptFormat.TXT) -> list[str]:
    with pytest.raises(PromptFileError) as caught:
        read_prompts(["-"], format=format, stdin=io.BytesIO(content.encode()))
    *said, last = str(caught.value).split("\n")
    assert last == "Nothing was queued."
    return said


def test_one_cause_is_told_once_with_its_lines() -> None:
    said = refused("a --batch_size 2 --foo 1\n" * 3 + "fine\n" + "b --foo 1\n" * 10)
    assert said[0].startswith(
        "stdin:1: unknown option '--batch_size', an option of AUTOMATIC1111's"
    )
    assert said[0].endswith("(also in lines 2, 3)")
    assert "(also in lines 2, 3, 5, 6, 7 and 7 more); use one of prompt, " in said[1]
    assert len(said) == 2


def test_known_words_are_listed_once() -> None:
    said = refused("a --foo 1 --bar 2\nb --baz 3\nc --scheduler xx\nd --scheduler yy\n")
    assert [line.count("use one of") for line in said] == [1, 0, 0, 1, 0]
    assert said[1] == "stdin:1: unknown option '--bar' (--literal draws it as words)"
    found = refused('{"prompt": "a", "foo": 1}\n{"prompt": "a", "bar": 1}\n', PromptFormat.JSONL)
    assert found[1] == "stdin:2: unknown key 'bar'"


@pytest.mark.parametrize(("name", "whose"), [
    ("do_not_save_grid", "AUTOMATIC1111"), ("ar", "Midjourney"), ("no", "write --n"), ("perlin", "InvokeAI"),
])  # fmt: skip
def test_other_tools_options_are_called_theirs(name: str, whose: str) -> None:
    (said,) = refused(f"a --{name} 2\n")
    assert whose in said
    assert "did you mean" not in said
    assert "use one of" not in said


@pytest.mark.parametrize(("text", "is_option"), [
    ("a —v 5", True), ("a –ar 16:9", True), ("a day —quality time", False), ("a house —raw and new", False),
])  # fmt: skip
def test_a_dash_before_another_tools_option_is_one_only_before_a_number(
    text: str, is_option: bool
) -> None:
    if is_option:
        assert "Midjourney" in refused(text)[0]
    else:
        assert read_prompts(["-"], stdin=io.BytesIO(text.encode()))[0].prompt == text


@pytest.mark.parametrize(
    ("name", "guess"),
    [("step", "steps"), ("sead", "seed"), ("negativ", "negative"), ("size", None)],
)
def test_guesses_are_near(name: str, guess: str | None) -> None:
    (said,) = refused(f"a --{name} 2\n")
    assert (f"did you mean {guess}?" in said) == (guess is not None)
