"""What makes noise of a seed, and whether weights count: by the command, by the line, in every format."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from db.values import BatchPlan
from producer import Defaults, PromptFormat, PromptLine, Remarks, read_prompts
from producer.planning.plan import plan_batch
from producer.planning.preferences import problems
from producer.planning.prompt_length import cut_after
from sdq.submitting.expansion import read_grid
from sdq.submitting.options import SubmitOptions
from sdq_core.errors import InputError, PromptFileError
from sdq_core.models import DEMO, ModelStore, resolver
from sdq_core.settings import Preferences
from sdq_core.values.conditions import NO_CONDITIONS
from sdq_core.values.recipes import Recipe
from sdq_core.values.rng import Rng

DEFAULTS = Defaults(model=DEMO, variants=None, compute_unit=None)
STORE = ModelStore(Path("/nonexistent"))
TOKENIZER = Path(__file__).parents[1] / "golden" / "tokenizer"


def read(
    text: str, kind: PromptFormat = PromptFormat.TXT, *, weighted: bool = False
) -> tuple[list[PromptLine], Remarks]:
    remarks = Remarks()
    stdin = io.BytesIO(text.encode())
    lines = read_prompts(["-"], format=kind, weighted=weighted, stdin=stdin, remarks=remarks)
    return lines, remarks


def planned(lines: Sequence[PromptLine], defaults: Defaults = DEFAULTS) -> BatchPlan:
    return plan_batch(lines, defaults, resolver(STORE))


def recipes(lines: Sequence[PromptLine], defaults: Defaults = DEFAULTS) -> list[Recipe]:
    return [entry.recipe for entry in planned(lines, defaults).entries]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (PromptFormat.TXT, "a (red:1.2) house --rng torch --weighted"),
        (PromptFormat.TXT, "a (red:1.2) house --weighted --rng cpu"),
        (PromptFormat.CSV, "prompt,rng,weighted\na (red:1.2) house,Torch,TRUE"),
        (PromptFormat.JSONL, '{"prompt": "a (red:1.2) house", "rng": "torch", "weighted": true}'),
        (PromptFormat.YAML, "rng: torch\nweighted: yes\nprompts:\n- a (red:1.2) house"),
        (PromptFormat.TXT, "a (red:1.2) house\nSteps: 20, CFG scale: 7, RNG: CPU, "
                           "sdq weighted: true, Version: sdq 0.2.0"),
    ],
)  # fmt: skip
def test_a_line_says_both_in_every_format(kind: PromptFormat, text: str) -> None:
    (line,), remarks = read(text, kind)
    assert (line.rng, line.weighted) == (Rng.TORCH, True)
    assert remarks.hints == []
    (recipe,) = recipes([line])
    assert (recipe.rng, recipe.conditions.weighted) == (Rng.TORCH, True)
    assert Recipe.from_dict(recipe.to_dict()) == recipe


def test_several_sources_of_noise_are_several_images() -> None:
    lines, _ = read("a house --rng numpy,torch,nvidia")
    assert [line.rng for line in lines] == list(Rng)
    assert len({recipe.content_key for recipe in recipes(lines)}) == 3
    single, grid = read_grid(SubmitOptions(rng="torch,nvidia"))
    assert single["rng"] is Rng.TORCH
    assert grid.axes == {"rng": (Rng.TORCH, Rng.NVIDIA)}


def test_keys_of_recipes_that_say_neither_stay_what_they_were() -> None:
    lines, _ = read("a house\na (red:1.2) house --weighted no\na house --rng numpy")
    found = recipes(lines)
    assert len(found) == 2
    assert all(recipe.conditions is NO_CONDITIONS for recipe in found)
    assert all(recipe.to_dict()["rng"] == "numpy" for recipe in found)
    assert "weighted" not in found[0].to_dict()


def test_a_line_goes_before_the_command() -> None:
    lines, _ = read("a house --rng nvidia --weighted false\na house")
    defaults = replace(DEFAULTS, rng=Rng.TORCH, weighted=True)
    first, second = recipes(lines, defaults)
    assert (first.rng, first.conditions.weighted) == (Rng.NVIDIA, False)
    assert (second.rng, second.conditions.weighted) == (Rng.TORCH, True)
    assert (defaults.to_options()["rng"], defaults.to_options()["weighted"]) == ("torch", True)


def test_weights_that_do_not_count_are_pointed_out_with_what_makes_them_count() -> None:
    text = "a (kite:1.3) [[high]]\na {{kite}}, BREAK\n"
    assert read(text)[1].hints == [
        "stdin:1: the weight '(kite:1.3)' is drawn as words; with --weighted it counts",
        "stdin:1: the emphasis '[[high]]' is drawn as words; with --weighted it counts",
        "stdin:2: the emphasis '{{kite}}' is drawn as words",
        "stdin:2: the word BREAK is drawn as a word",
    ]
    assert read(text, weighted=True)[1].hints == [
        "stdin:2: the emphasis '{{kite}}' is drawn as words",
        "stdin:2: the word BREAK is drawn as a word",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a --rng mersenne", "unknown rng 'mersenne'"),
        ("a --rng nvidea", "did you mean nvidia?"),
        ("a --weighted perhaps", "weighted is 'perhaps'; use true or false"),
    ],
)
def test_unknown_words_are_refused(text: str, said: str) -> None:
    with pytest.raises(PromptFileError) as caught:
        read(text)
    assert said in str(caught.value)


def test_weights_without_meaning_are_refused_by_their_lines() -> None:
    lines, _ = read("a (house:1000) --weighted\na boat --n (fog:-101) --weighted\na (house:1000)")
    with pytest.raises(PromptFileError) as caught:
        planned(lines)
    assert caught.value.problems == (
        "stdin:1: 'house' has a weight of 1000; use -100 to 100",
        "stdin:2: 'fog' has a weight of -101; use -100 to 100",
    )


def test_syntax_of_weights_takes_no_room_among_the_tokens() -> None:
    prompt = "((a:1.2)) " * 70
    assert cut_after(prompt, TOKENIZER) is not None
    assert cut_after(prompt, TOKENIZER, weighted=True) is None
    longer = cut_after("(" + "a " * 80 + ":1.2)", TOKENIZER, weighted=True)
    assert longer is not None
    assert longer.split() == ["a"] * 75


def test_a_preference_is_checked() -> None:
    assert problems(Preferences(rng="torch"), {}) == []
    (said,) = problems(Preferences(rng="dice"), {"rng": "environment SDQ_RNG"})
    assert said.startswith("SDQ_RNG: unknown rng 'dice'")
    with pytest.raises(InputError):
        read_grid(SubmitOptions(rng="torch,dice"))
