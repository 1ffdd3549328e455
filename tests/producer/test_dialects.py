"""Other tools' syntax is read where it means the same here, refused or pointed out where not, and never just drawn."""

from __future__ import annotations

import io

import pytest

from producer import PromptFormat, PromptLine, Remarks, read_prompts
from sdq_core.errors import PromptFileError
from sdq_core.values.variants import AttentionImplementation, Scheduler


def read(
    content: str, *, literal: bool = False, format: PromptFormat = PromptFormat.TXT
) -> tuple[list[PromptLine], Remarks]:
    remarks = Remarks()
    stdin = io.BytesIO(content.encode())
    return read_prompts(
        ["-"], format=format, literal=literal, stdin=stdin, remarks=remarks
    ), remarks


def refused(content: str, format: PromptFormat = PromptFormat.TXT) -> str:
    with pytest.raises(PromptFileError) as caught:
        read(content, format=format)
    return str(caught.value)


def test_pasted_generation_data_is_one_prompt_with_its_settings() -> None:
    lines, remarks = read(
        "a red lighthouse, 5 --steps\n"
        "Negative prompt: fog,\n"
        "rain\n"
        'Steps: 20, Sampler: Euler a, CFG scale: 7.5, Seed: 11, Size: 128x64, Model: dreams, Hires upscale: "2"\n'
        "a blue tent\n"
        "Steps: 9, Sampler: DPM++ 2M, Seed: 12\n"
        "\n"
        "a kite --steps 3\n"
    )
    one, two, three = lines
    assert (one.prompt, one.negative_prompt) == ("a red lighthouse, 5 --steps", "fog,\nrain")
    assert (one.num_inference_steps, one.guidance_scale, one.seeds) == (20, 7.5, range(11, 12))
    assert (one.scheduler, one.width, one.height) == (Scheduler.EULER_ANCESTRAL_DISCRETE, 128, 64)
    assert (one.source, one.model) == ("stdin:1", None)
    assert (two.prompt, two.num_inference_steps, two.source) == ("a blue tent", 9, "stdin:5")
    assert (three.prompt, three.num_inference_steps) == ("a kite", 3)
    assert remarks.hints == [
        "stdin:1: '--steps' is drawn as words",
        "stdin:1: settings not taken over: Model, Hires upscale",
    ]


def test_a_prompt_of_several_lines_is_read_as_automatic1111_reads_it() -> None:
    lines, remarks = read(
        "masterpiece,\n"
        "(a red lighthouse:1.2), BREAK\n"
        "by the sea\n"
        "Negative prompt: fog,\n"
        "rain\n"
        "Steps: 20, Sampler: Euler a, CFG scale: 7.5, Seed: 11, Size: 64x64\n"
        "Template: a {red|blue} lighthouse\n"
        "Negative Template: fog\n"
        "parameters\n"
        "a tent,\n"
        "a lake\n"
        "Steps: 9, Sampler: DPM++ 2M, Seed: 12\n"
        "\n"
        "a kite --steps 3\n"
        "a jet --steps 4\n"
    )
    assert [line.prompt for line in lines] == [
        "masterpiece,\n(a red lighthouse:1.2), BREAK\nby the sea", "a tent,\na lake", "a kite", "a jet",
    ]  # fmt: skip
    assert [line.negative_prompt for line in lines] == ["fog,\nrain", None, None, None]
    assert [line.num_inference_steps for line in lines] == [20, 9, 3, 4]
    assert [line.source for line in lines] == ["stdin:1", "stdin:9", "stdin:14", "stdin:15"]
    said = "the lines above the settings are read as one prompt"
    assert {f"stdin:1: {said}", f"stdin:9: {said}"} <= set(remarks.hints)


def test_a_blank_line_parts_prompts_and_is_pointed_out() -> None:
    lines, remarks = read("a house\n\n\na kite,\na tail\nSteps: 9, Sampler: DDIM, Seed: 1\n")
    assert [line.prompt for line in lines] == ["a house", "a kite,\na tail"]
    assert (
        "stdin:4: the lines above the blank line are read as prompts of their own" in remarks.hints
    )


def test_a_long_list_above_settings_does_not_become_one_prompt() -> None:
    said = refused("a tent\n" * 500 + "Steps: 2, Sampler: DDIM, Seed: 1")
    assert "it is not clear which of the lines above" in said


def test_what_sdq_wrote_itself_comes_back_with_its_variant() -> None:
    (line,), remarks = read(
        "a house\nSteps: 4, Sampler: DDIM, Seed: 1, Model: demo, Version: sdq 0.2.0, sdq variant: original\n"
    )
    assert (line.model, line.variants) == ("demo", (AttentionImplementation.ORIGINAL,))
    assert not remarks.hints


@pytest.mark.parametrize(
    "text",
    [
        "positive: a green kite\nnegative: rain\n",
        "Positive prompt:\na green kite\nNegative prompt:\nrain\n",
        "Prompt:\na green kite\nNegative prompt:\nrain\nSteps: 9, Sampler: DDIM, Seed: 1\n",
        "Prompt: a green kite\nNEGATIVE_PROMPT: rain\n",
        "\na green kite\nNegative prompt: rain\n",
    ],
)
def test_labels_are_no_words(text: str) -> None:
    lines, _ = read(f"a house\n\n{text}\na tent\n")
    assert [line.prompt for line in lines] == ["a house", "a green kite", "a tent"]
    assert lines[1].negative_prompt == "rain"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a\nb\nNegative prompt: x", "stdin:2: it is not clear"),
        (
            "a --seed 1\nb\nSteps: 2, Sampler: DDIM, Seed: 1",
            "stdin:1: a line above these settings has options",
        ),
        ("Negative prompt: x", "stdin:1: there is no prompt directly above"),
        ("a\n\nSteps: 2, Sampler: DDIM, Seed: 1", "stdin:3: there is no prompt directly above"),
        ("a\nSteps: 2, Seed: 1", "stdin:1: these settings cannot be read"),
        ("a\nnegative: x\nb", "stdin:1: more than one line follows"),
        ("positive: a --n x\nnegative: y", "stdin:1: the negative prompt is given twice"),
        ("positive:\n", "stdin:1: the prompt is missing"),
        ("a Negative prompt: b Steps: 20", "'Negative prompt:' stands inside a prompt"),
        ("a house Steps: 20, Sampler: Euler a, Seed: 5", "settings of generation data"),
        ('"a tent" -n4 -S1234 -s30', "write --n_iter 4 --seed 1234 --steps 30, or use --literal"),
        ("a tent -s 30 -C7.5", "write --steps 30 --cfg_scale 7.5"),
        ("a tent -steps 30", "'-steps 30' begins with one hyphen"),
        ("a tent <lora:snow:0.8>", "'<lora:snow:0.8>' asks for an extra network"),
        ("a tent --n <lora:bad:1>", "extra network"),
        ("a <wildcard:animal>", "'<wildcard:animal>' is an instruction for another tool"),
        ("a tent, seed=5 steps=30", "'seed=5' is written like a setting"),
        ("a tent\n\nCFG scale: 7", "stdin:3: 'CFG scale: 7' is written like a setting"),
        ("/imagine prompt: a tent", "'/imagine' is a command of another tool"),
        ("```\na tent\n```", "stdin:1: '```' is a line of Markdown"),
        ("a tent\n---\na house", "stdin:2: '---' is a line of Markdown"),
        ('{"prompt": "a tent"}', "is JSON; name the file .jsonl or .json, or use --format"),
        ('[\n {\n  "prompt": "a tent"', "stdin:1: '[' is JSON"),
        ("prompt;seed\na tent;5", "stdin:1: this is the header of a table; name the file .csv"),
        ("Prompt\na tent", "stdin:1: this is the header of a table"),
        ("a tent ---steps", "--steps (written with three hyphens) has no value"),
        ("a tent, negative_prompt: fog", "'negative_prompt:' stands inside a prompt"),
        (
            "| prompt | seed |\n| a tent | 5 |",
            "'| prompt | seed |' is a row of a table in Markdown",
        ),
        ('["a tent", "a house"]', "is a list; write a prompt a line"),
        ("['a tent', 'a fisherman's house'],", "is a list; write a prompt a line"),
        ('"a tent",', "is taken from a list; write a prompt a line"),
        ('"a tent", "a house",', "is taken from a list"),
        ('prompt = "a tent"', "is written like TOML"),
        ("x.py --prompt 'a tent'", "the prompt is given twice, as 'x.py' and behind --prompt"),
        ("a tent --image-count 3", "an option of Apple's command lines; write --n_iter"),
        ("a tent --plms", "an option of Stable Diffusion's own scripts that sdq does not have"),
    ],
)
def test_what_cannot_be_meant_as_words_is_refused(text: str, says: str) -> None:
    assert says in refused(text)
    assert read(text, literal=True)[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a (red hair:1.3) girl", "the weight '(red hair:1.3)' is drawn as words"),
        ("((masterpiece)), a tent", "the emphasis"),
        ("a [tent:house:0.5]", "the change of prompt"),
        ("a tent::2 house", "the weight"),
        ("a tent BREAK a house", "BREAK"),
        (
            "a tent ### people, fog",
            "'### people, fog' is drawn as words; for a negative prompt write --n",
        ),
        ("a jet -s 30", "if it is an option, write --steps 30"),
        ("(a tent:-1.)", "the weight '(a tent:-1.)'"),
        ("1.3::a tent::", "the weight '1.3::a'"),
        ("a (tent)++", "the weight '(tent)++'"),
        ("{{masterpiece}}, a tent", "the emphasis '{{masterpiece}}'"),
        ("a [tent:0.5]", "the change of prompt '[tent:0.5]'"),
        ("a [tent|house]", "the change of prompt '[tent|house]'"),
        ('("a", "b").blend(0.7, 0.3)', "').blend(0.7, 0.3)' is drawn as words"),
        ("a tent AND a house", "the word AND is drawn as a word"),
        ("a tent -- steps 30", "an option is written without a space, as --steps 30"),
        ("a tent, steps: 30", "a setting is written as --steps 30"),
        ("https://x.org/a.png a tent", "the address 'https://x.org/a.png'"),
        ("a &quot;red&quot; tent", "'&quot;', HTML for another character"),
        ("1. a tent", "the '1.' at the beginning is drawn, too"),
        ("- a tent", "the '-' at the beginning is drawn, too"),
        ("a tent \\--steps 30", "is drawn with its backslash; --literal draws options as words"),
        ("a tent \\", "at the end is drawn, too; a prompt is one line"),
        ("// a tent", "the '//' at the beginning is drawn, too"),
    ],
)
def test_what_may_be_meant_as_words_is_drawn_and_pointed_out(text: str, says: str) -> None:
    (line,), remarks = read(text)
    assert line.prompt == text
    (hint,) = remarks.describe()
    assert hint.startswith("stdin:1: ")
    assert says in hint
    assert not read(text, literal=True)[1].describe()


@pytest.mark.parametrize(
    "text",
    [
        "a smiling face :) and a sad one :-(",
        "(a tent (with a red flag) at 12:30)",
        "a map (scale 1:50), Luke (3:16)",
        "lighthouse: a study in red",
        "the positive: a negative space",
        "a sign that says NO BREAK, ALL IN CAPITALS".upper(),
        "C++ code on a screen, snake_case and a_b__c",
        "a jet at -20 degrees, B-2 -style",
        "1 < 2 and 3 > 2, {set}, [list], a|b",
        "half-timbered -- and old",
        "seed: a photo of a sprouting plant",
        "Steps: 39 of them, by Hitchcock",
        "a cat, 35mm f/1.8, -s",
        "4 tents, 3.5 km away, at 12:30 (noon)",
        "a b-side --- and more, AT&T, <3",
        "a prompt, seed and steps",
        "`code` on a screen, [sic]",
        '"yes", "no"',
        'the words "yes", "no",',
        '["red"] tent',
        "a|b|c",
    ],
)
def test_ordinary_text_is_drawn_without_a_word(text: str) -> None:
    lines, remarks = read(text)
    assert [line.prompt for line in lines] == [text]
    assert not remarks.describe()


def test_all_formats_and_the_command_line_are_looked_at() -> None:
    assert "stdin:2: '<lora:x:1>' asks" in refused("prompt\n<lora:x:1>\n", PromptFormat.CSV)
    assert "stdin:1: '<lora:x:1>' asks" in refused('{"prompt": "<lora:x:1>"}', PromptFormat.JSONL)
    with pytest.raises(PromptFileError, match=r"--prompt: '<lora:x:1>' asks"):
        read_prompts(texts=["<lora:x:1>"])


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("a {red|blue} tent", "'{red|blue}'"),
        ("a {2$$red|blue} tent", "'{2$$red|blue}'"),
        ("a __colors__ tent", "'__colors__'"),
        ("a tent --n __bad/*__", "'__bad/*__'"),
        ("a {{red|blue} kite|tent}", "'{red|blue}'"),
    ],
)
def test_choices_without_dynamic_are_drawn_as_they_stand_with_one_hint(
    text: str, choice: str
) -> None:
    (line, *_), remarks = read(f"{text}\n{text}\na tent\n")
    assert text in {line.prompt, f"{line.prompt} --n {line.negative_prompt}"}
    assert remarks.undecided == {"stdin:1": choice, "stdin:2": choice}
    assert remarks.describe() == [
        "2 prompts have choices or wildcards that are drawn as words: "
        f"stdin:1 {choice}, stdin:2 {choice}. --dynamic random (or combinatorial) makes prompts of them."
    ]
    assert not read(text, literal=True)[1].undecided


@pytest.mark.parametrize("option", ["--steps 30", "—seed 7", "--ar 16:9", "---cfg_scale=3"])
def test_an_option_inside_a_text_of_another_format_is_no_words(option: str) -> None:
    for format, content in (
        (PromptFormat.CSV, f"prompt\na tent {option}\n"),
        (PromptFormat.CSV, f"negative,prompt\nfog {option},a tent\n"),
        (PromptFormat.TSV, f"prompt\na tent {option}\n"),
        (PromptFormat.JSONL, f'{{"prompt": "a tent {option}"}}'),
        (PromptFormat.JSON, f'["a tent {option}"]'),
    ):
        assert f"'{option}' stands inside a text" in refused(content, format)
        assert read(content, format=format, literal=True)[0]
    remarks = Remarks()
    (line,) = read_prompts(texts=[f"a tent {option}"], remarks=remarks)
    assert line.prompt == f"a tent {option}"
    assert remarks.hints == [f"--prompt: '{option}' is drawn as words"]


def test_an_unknown_option_inside_a_text_is_pointed_out() -> None:
    _, remarks = read("prompt\na sign: --sale\n", format=PromptFormat.CSV)
    assert remarks.hints == ["stdin:2: '--sale' is drawn as words"]


def test_comments_are_counted() -> None:
    assert read("#ff8800 sky\n # x\na\n\\#1\n")[1].comment_lines == 2
