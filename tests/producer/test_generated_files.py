"""Thousands of generated prompt files per format: read whole or refused whole, and no option is ever drawn as words.

A file is built from prompts, options and the troubles that editors, spreadsheets and other tools add. Every prompt is
known before the file is written, so what comes back must be these prompts and nothing else.
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from producer import Defaults, PromptFormat, PromptLine, Remarks, plan_batch, read_prompts
from sdq_core.errors import PromptFileError
from sdq_core.models import DEMO, ModelStore, resolver
from sdq_core.values.variants import AttentionImplementation, ComputeUnit

FILES = 2000
DEFAULTS = Defaults(
    model=DEMO, variants=(AttentionImplementation.ORIGINAL,), compute_unit=ComputeUnit.ALL
)

PROMPTS = [
    "a red lighthouse by the sea", "a fisherman's house — at night", "the dogs' kennel, 5 € a day", "caf\u00e9 no. 7",
    "港の灯台", "a poster: “Open”", "day—night", "a smile :-)", "12:30 (noon)", "a -- b", "x" * 60,
]  # fmt: skip
#: (names, values, what the line then has)
OPTIONS: Sequence[tuple[Sequence[str], Sequence[str], str, object]] = (
    (("steps", "num_inference_steps", "num-inference-steps"), ("30", "30.0", "３０"), "num_inference_steps", 30),
    (("seed", "seeds", "seed-range"), ("7", "7.0"), "seeds", range(7, 8)),
    (("seed", "seed_range"), ("0-9", "0–9"), "seeds", range(10)),
    (("seed",), ("-1", "−1"), "random_seeds", 1),
    (("cfg_scale", "guidance-scale"), ("7.5", "7,5"), "guidance_scale", 7.5),
    (("negative_prompt", "negative", "Negative-Prompt"), ("fog", "fog\u200b"), "negative_prompt", "fog"),
)  # fmt: skip
FIRST = {name: names[0] for names, *_ in OPTIONS for name in names}
WRONG = [
    ("stepz", "3"),
    ("batch_size", "2"),
    ("subseed", "1"),
    ("ar", "16"),
    ("steps", "many"),
    ("seed", "x"),
]
INVISIBLE = ["\ufeff", "\u200b", "\u2060", "\u00ad", "\u200e"]
FOREIGN = ["<lora:x:1>", "<wildcard:colors>", "-n4 -S1234", "Negative prompt: x", "steps=30"]
#: On a line of a txt file these are options.
FOREIGN_IN_CELLS = [*FOREIGN, "--steps 30", "—seed 7", "--ar 16:9", "---steps 3"]
WORDS = re.compile(
    r"step|seed|cfg|guidance|negative|batch|lora|\b30\b|--\w|—\w+ \d|sep=", re.IGNORECASE
)


class Generated:
    """One file: its text, and what must come of it."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.is_wrong = False
        self.expected: list[tuple[str, dict[str, object]]] = []

    def rows(self) -> list[tuple[str, list[tuple[str, str]]]]:
        rows = []
        for _ in range(self.dice.randint(1, 4)):
            prompt = self.dice.choice(PROMPTS)
            options, has = [], {}
            for names, values, field, value in self.dice.sample(OPTIONS, self.dice.randint(0, 3)):
                if field in {"seeds", "random_seeds"} & has.keys() or {field, *has} >= {
                    "seeds",
                    "random_seeds",
                }:
                    continue
                options.append((self.dice.choice(names), self.dice.choice(values)))
                has[field] = value
            self.expected.append((prompt, has))
            rows.append((prompt, options))
        return rows

    def maybe(self, chance: float) -> bool:
        return self.dice.random() < chance

    def spoil(
        self, rows: list[tuple[str, list[tuple[str, str]]]], foreign: Sequence[str] = FOREIGN
    ) -> None:
        """Make one row wrong."""
        self.is_wrong = True
        index = self.dice.randrange(len(rows))
        prompt, options = rows[index]
        if self.maybe(0.5):
            name, value = self.dice.choice(WRONG)
            rows[index] = (prompt, [(name, value)])
        else:
            rows[index] = (f"{prompt} {self.dice.choice(foreign)}", options)

    def touched(self, text: str) -> str:
        """Put an invisible character somewhere, as copying from a page does."""
        if not self.maybe(0.2):
            return text
        at = self.dice.randint(0, len(text))
        return text[:at] + self.dice.choice(INVISIBLE) + text[at:]

    def end(self) -> str:
        return self.dice.choice(["\n", "\r\n", "\r"])


def txt(generated: Generated) -> str:
    dice, end = generated.dice, generated.end()
    rows = generated.rows()
    if generated.maybe(0.3):
        generated.spoil(rows)
    lines = []
    for prompt, options in rows:
        dash = dice.choice(["--", "--", "—", "–", "−"])
        written = " ".join(
            f"{'--' if name in {'stepz'} else dash}{name}{dice.choice([' ', '='])}{value}"
            for name, value in options
        )
        quotes = (
            dice.choice(["{}", "“{}”", "'{}'", "«{}»"]) if options and "“" not in prompt else "{}"
        )
        line = (
            f"--prompt {quotes.format(prompt)} {written}"
            if generated.maybe(0.3)
            else f"{prompt} {written}"
        )
        lines += [generated.touched(line), *dice.choice([[], [""], ["# a comment --steps 30"]])]
    return end.join(lines) + dice.choice(["", end])


def infotext(generated: Generated) -> str:
    dice, end = generated.dice, generated.end()
    spoiled = dice.randrange(4) if generated.maybe(0.3) else None
    lines: list[str] = []
    for number in range(dice.randint(1, 4)):
        prompt = [dice.choice(PROMPTS) for _ in range(dice.randint(1, 3))]
        negative = dice.choice([[], ["fog"], ["fog,", "rain"]])
        settings = "Steps: 30, Sampler: Euler a, CFG scale: 7.5, Seed: 7" + dice.choice(
            ["", ", Size: 128x128", ', Model hash: ab, Model: dreams, Lora hashes: "a: 1, b: 2"']
        )
        has = {"num_inference_steps": 30, "guidance_scale": 7.5, "seeds": range(7, 8)}
        generated.expected.append(
            ("\n".join(prompt), {**has, "negative_prompt": "\n".join(negative) or None})
        )
        if number == spoiled:
            generated.is_wrong = True
            match dice.randrange(4):
                case 0:
                    settings = "Steps: 30, Seed: 7"
                case 1:
                    prompt[-1] += f" {dice.choice(FOREIGN)}"
                case 2:
                    prompt = []
                case _:
                    prompt.insert(0, "a kite --steps 3")
        if negative:
            negative[0] = f"Negative prompt: {negative[0]}"
        lines += [generated.touched(line) for line in (*prompt, *negative, settings)]
        lines += dice.choice([[], [""], ["", "# a comment"], ["Template: a {b|c}"]])
    return end.join(lines) + dice.choice(["", end])


def table(generated: Generated, separator: str) -> str:
    dice, end = generated.dice, generated.end()
    rows = generated.rows()
    if generated.maybe(0.3):
        generated.spoil(rows, FOREIGN_IN_CELLS)
    # A table has one column for each field.
    rows = [
        (prompt, [(FIRST.get(name, name), value) for name, value in options])
        for prompt, options in rows
    ]
    fields = list(dict.fromkeys(name for _, options in rows for name, _ in options))
    header = [dice.choice([name, name.upper(), name.replace("_", " ").title()]) for name in fields]
    numbered = generated.maybe(0.2)
    if not fields and separator in ";|":
        separator = ","  # one column does not show its separator
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator=end)
    writer.writerow(
        [*([""] if numbered else []), "Prompt", *header, *([""] if generated.maybe(0.2) else [])]
    )
    for number, (prompt, options) in enumerate(rows):
        values = dict(options)
        writer.writerow(
            [
                *([number] if numbered else []),
                generated.touched(prompt),
                *(values.get(n, "") for n in fields),
            ]
        )
    said = f"sep={separator}{end}" if separator != "\t" and generated.maybe(0.3) else ""
    return dice.choice(["", "\ufeff"]) + said + out.getvalue()


def objects(generated: Generated) -> list[str]:
    rows = generated.rows()
    if generated.maybe(0.3):
        generated.spoil(rows, FOREIGN_IN_CELLS)
    style = generated.dice.choice([{"ensure_ascii": True}, {"ensure_ascii": False}])
    return [
        json.dumps({"prompt": generated.touched(prompt), **dict(options)}, **style)  # type: ignore[arg-type]
        for prompt, options in rows
    ]


def jsonl(generated: Generated) -> str:
    return generated.end().join(objects(generated))


def json_list(generated: Generated) -> str:
    end = generated.end()
    pretty = generated.maybe(0.5)
    inner = f",{end}".join(
        json.dumps(json.loads(one), indent=2).replace("\n", end) if pretty else one
        for one in objects(generated)
    )
    text = f"[{end}{inner}{end}]"
    if generated.maybe(0.1):
        generated.is_wrong = True
        text = text[: generated.dice.randrange(1, len(text) - 1)].rstrip(
            "]"
        )  # an incomplete download
    return text


MAKERS: dict[str, Callable[[Generated], str]] = {
    "txt": txt,
    "csv": lambda generated: table(generated, generated.dice.choice(",;|")),
    "tsv": lambda generated: table(generated, "\t"),
    "jsonl": jsonl,
    "json": json_list,
    "infotext": infotext,
}
_resolve = cache(
    resolver(ModelStore(Path("nowhere")))
)  # looking for the model takes longer than the rest


def read(content: bytes, kind: str) -> list[PromptLine]:
    format = PromptFormat("txt" if kind == "infotext" else kind)
    return read_prompts(["-"], format=format, stdin=io.BytesIO(content))


def outcome(content: bytes, kind: str) -> tuple[list[PromptLine], tuple[str, ...]]:
    """Return the lines of a file that can be planned, or what is wrong with it: never some of both."""
    try:
        lines = read(content, kind)
        plan = plan_batch(lines, DEFAULTS, _resolve, remarks=Remarks())
    except PromptFileError as error:
        return [], error.problems
    assert plan.entries
    return lines, ()


@pytest.mark.parametrize("kind", MAKERS)
def test_a_generated_file_is_read_as_it_was_meant_or_refused(kind: str) -> None:
    outcomes = {True: 0, False: 0}
    for number in range(FILES):
        generated = Generated(random.Random(f"{kind} {number}"))
        text = MAKERS[kind](generated)
        lines, problems = outcome(text.encode(), kind)
        assert bool(problems) == generated.is_wrong, (number, text, problems)
        assert all(problem.startswith("stdin:") for problem in problems)
        outcomes[generated.is_wrong] += 1
        if problems:
            continue
        assert [line.prompt for line in lines] == [prompt for prompt, _ in generated.expected], (
            number,
            text,
        )
        for line, (_, has) in zip(lines, generated.expected, strict=True):
            assert {field: getattr(line, field) for field in has} == has, (number, text)
    assert min(outcomes.values()) > FILES / 20, outcomes


@pytest.mark.parametrize("kind", MAKERS)
def test_a_damaged_file_is_read_or_refused_in_words_of_its_own(kind: str) -> None:
    for number in range(FILES):
        dice = random.Random(f"damaged {kind} {number}")
        generated = Generated(dice)
        content = bytearray(MAKERS[kind](generated).encode())
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(content) + 1)
            junk = dice.choice(
                [
                    b"",
                    b'"',
                    b"'",
                    b"\\",
                    b",",
                    b"\t",
                    b"\0",
                    b"\xff",
                    b"}",
                    "—".encode(),
                    b"\r",
                    b" ",
                ]
            )
            content[at : at + dice.randint(0, 2)] = junk
        _, problems = outcome(bytes(content), kind)
        said = "\n".join(problems)
        assert not re.search(r"Expecting|line contains|invalid literal|delimiter|Error", said), said


@pytest.mark.parametrize("dash", ["--", "—", "–", "−", "-–", "––", "---", "﹣", "－－"])
def test_no_option_is_drawn_as_words(dash: str) -> None:
    for number in range(FILES):
        dice = random.Random(f"{dash} {number}")
        names, values, _, _ = dice.choice(OPTIONS)
        line = (
            f"a tent {dash}{dice.choice(names)}{dice.choice([' ', '=', '  '])}{dice.choice(values)}"
        )
        line += dice.choice(["", f" {dash}width 128", " ", "\u200b"])
        (found,) = read(line.encode(), "txt")
        assert found.prompt == "a tent", line
        assert not WORDS.search(found.prompt)
