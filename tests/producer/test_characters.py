"""Characters that editors, word processors and messengers change: undone, or refused by their code points."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer import PromptFormat, PromptLine, read_prompts
from producer.reading import lines as lines_module
from producer.reading.characters import unquoted
from producer.reading.fields import seeds_or_random
from sdq_core.errors import InputError, PromptFileError, UsageError


def read(content: str | bytes, format: PromptFormat = PromptFormat.TXT) -> list[PromptLine]:
    data = content.encode() if isinstance(content, str) else content
    return read_prompts(["-"], format=format, stdin=io.BytesIO(data))


def problem(content: str | bytes, format: PromptFormat = PromptFormat.TXT) -> str:
    with pytest.raises(PromptFileError) as caught:
        read(content, format)
    (only,) = caught.value.problems
    return only


@pytest.mark.parametrize(
    "dash",
    [
        "—",
        "–",
        "−",
        "‐",
        "‑",
        "‒",
        "――",
        "–-",
        "––",
        "---",
        "﹘",
        "﹣",
        "－－",
        "⸺",
        "⁃",
        "\u00ad-\u00ad-",
    ],
)
def test_a_dash_before_an_option_is_two_hyphens(dash: str) -> None:
    (line,) = read(f"a tent {dash}steps 30 {dash}n fog {dash}seed 0–3")
    assert (line.prompt, line.num_inference_steps, line.negative_prompt) == ("a tent", 30, "fog")
    assert line.seeds == range(4)


@pytest.mark.parametrize(
    "prompt", ["a tent — at night", "a tent —at night", "day—night", "–5 °C", "a - b -c"]
)
def test_any_other_dash_is_text(prompt: str) -> None:
    assert [line.prompt for line in read(prompt)] == [prompt]


def test_quotes_that_a_shell_does_not_know_are_named() -> None:
    for files, texts in (["tent”"], ["“a"]), (["at", "night“"], ["„a"]), (["«a", "tent»"], []):
        with pytest.raises(
            UsageError, match=r"U\+\w+ is not a quote to the shell: write straight quotes"
        ):
            read_prompts(files, texts)
    (line,) = read_prompts(texts=["“tent”"])
    assert line.prompt == "tent"


def test_a_dash_is_named_if_its_option_is_refused() -> None:
    assert "--steps (written with U+2014) has no value" in problem("a tent —steps")
    with pytest.raises(UsageError, match=r"begins with U\+2014, not with two hyphens"):
        read_prompts(["—steps"])


@pytest.mark.parametrize(
    "quoted",
    [
        "“{}”",
        "„{}“",
        "„{}”",
        "”{}”",
        "«{}»",
        "»{}«",
        "‘{}’",
        "‚{}‘",
        "‹{}›",
        "'{}'",
        '"{}"',
        '"{}”',
        "‟{}”",
        "＂{}＂",
        "「{}」",
        "〝{}〟",
        "❝{}❞",
        "`{}`",
    ],
)
def test_quotes_around_a_whole_value_are_no_part_of_it(quoted: str) -> None:
    text = quoted.format("a fisherman's house, by 2")
    option, alone, before = read(f"--prompt {text} --seed 7\n{text}\n{text} --n {text}")
    assert {option.prompt, alone.prompt, before.prompt, before.negative_prompt} == {
        "a fisherman's house, by 2"
    }
    assert option.seeds == range(7, 8)


@pytest.mark.parametrize(
    "text",
    [
        '"Open" and "Closed"',
        "'Open' and 'Closed'",
        "“a” or “b”",
        "'tis the season",
        "the dogs'",
        '"',
        "“a",
    ],
)
def test_quotes_inside_a_text_stay(text: str) -> None:
    assert unquoted(text) == text
    assert read(text)[0].prompt == text


def test_options_inside_curly_quotes_are_text_and_open_ones_are_refused() -> None:
    assert read("a --n “fog --steps 3” --d 1")[0].negative_prompt == "fog --steps 3"
    assert "quote after --n is not closed" in problem("a --n “fog --steps 3")


@pytest.mark.parametrize(
    ("format", "content"),
    [
        (PromptFormat.TXT, "\ufeffa cafe\u0301\u200b --se\u2060ed 7\ufeff\n"),
        (PromptFormat.CSV, "\ufeff\u200bprompt,se\u200bed\r\n\ufeffa ca\ufefffe\u0301,7\u200b\r\n"),
        (PromptFormat.TSV, "prompt\tseed\n\ufeffa caf\u00e9\u00ad\t\u200e7\n"),
        (PromptFormat.JSONL, '\ufeff{"prompt": "a\\u200b cafe\u0301", "seed": "7\u200b"}\ufeff\n'),
    ],
)
def test_invisible_characters_and_accents_make_no_other_prompt(
    format: PromptFormat, content: str
) -> None:
    (line,) = read(content, format)
    assert (line.prompt, line.seeds) == ("a caf\u00e9", range(7, 8))


@pytest.mark.parametrize(
    "text",
    [
        "👩\u200d🚀 on the moon",
        "نمی\u200cخواهم",
        "क्\u200dष",
        "❤\ufe0f",
        "🏴\U000e0067\U000e0062\U000e007f",
    ],
)
def test_joiners_that_a_script_needs_stay(text: str) -> None:
    assert read(f"{text} --steps 3")[0].prompt == text
    assert (
        read(f'{{"prompt": "{text}", "custom_id": "{text}"}}', PromptFormat.JSONL)[0].prompt == text
    )


def test_a_fixed_space_is_a_space() -> None:
    (line,) = read("a\u00a0red\u202ftent\u00a0—steps\u00a030")
    assert (line.prompt, line.num_inference_steps) == ("a red tent", 30)


def test_an_id_is_kept_as_it_is_or_refused() -> None:
    (line,) = read('{"prompt": "a", "custom_id": "cafe\u0301"}', PromptFormat.JSONL)
    assert line.custom_id == "cafe\u0301"
    said = problem('{"prompt": "a", "custom_id": "c\u200b1"}', PromptFormat.JSONL)
    assert "custom_id contains the character U+200B at position 2" in said


@pytest.mark.parametrize("bad", ["\u2028", "\ufffc", "\ufffd", "\uffff", "\x0c", "\x85"])
def test_what_no_prompt_should_hold_is_refused_by_its_code_point(bad: str) -> None:
    assert f"U+{ord(bad):04X} at position 2" in problem(f"a{bad}b")


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("format", [PromptFormat.TXT, PromptFormat.CSV, PromptFormat.JSONL])
def test_every_line_end_ends_a_line(format: PromptFormat, end: str) -> None:
    content = {
        PromptFormat.TXT: ["a", "b"],
        PromptFormat.CSV: ["prompt", '"a', 'c"', "b"],
        PromptFormat.JSONL: ['{"prompt": "a"}', '{"prompt": "b"}'],
    }[format]
    for last in ("", end):
        one, two = read(end.join(content) + last, format)
        assert (one.prompt, two.prompt) == ("a\nc" if format is PromptFormat.CSV else "a", "b")
        assert two.source == f"stdin:{len(content)}"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ["a red house\r\na tent\r\n", "a", "港の灯台\r\n"])
def test_another_unicode_is_one_sentence(encoding: str, text: str) -> None:
    assert f"stdin:1: this is {encoding[:6].upper()}" in problem(text.encode(encoding))


@pytest.mark.parametrize(
    ("written", "seeds"),
    [
        ("0–9", range(10)),
        ("0〜9", range(10)),
        ("−1", None),
        ("7, 0", (7, 0)),
        ("0,7", range(0, 14, 7)),
    ]
    + [(number, range(7, 8)) for number in ("7.0", "7.", "+7", "٧", "７", "0.7e1", "007")],
)
def test_seeds_as_editors_and_tables_write_them(written: str, seeds: range | None) -> None:
    assert seeds_or_random(written) == seeds


@pytest.mark.parametrize(
    "written", ["7,0", "1,000", "10,099", "7.5", "1e-3", "0x10", "1_000", "1e300", "7.0.0"]
)
def test_what_is_not_clearly_a_seed_is_refused(written: str) -> None:
    with pytest.raises(InputError, match="seed"):
        seeds_or_random(written)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.text(alphabet="ab \u00e9", min_size=1, max_size=9).filter(str.strip),
        min_size=1,
        max_size=9,
    ),
    st.sampled_from(["\r", "\n", "\r\n"]),
    st.integers(1, 9),
)
def test_lines_do_not_depend_on_blocks(texts: list[str], end: str, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "_BLOCK_BYTES", block)
        found = read("\n" + end.join(texts))
    assert [line.prompt for line in found] == [text.strip() for text in texts]
