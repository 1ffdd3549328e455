"""Lines with choices become lines with prompts: each seed its own at random, or every combination."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from db.values import BatchPlan, FailedImage
from producer import Defaults, PromptLine, Remarks, plan_batch
from producer.again import lines_again
from producer.changes import Changes
from producer.dynamic.expansion import Dynamic, Mode, expand
from producer.dynamic.wildcards import Wildcards
from sdq_core.errors import PromptFileError
from sdq_core.models import DEMO, ModelStore, resolver
from sdq_core.values.seeds import format_seeds
from sdq_core.values.variants import AttentionImplementation, ComputeUnit
from tests.dynamic.folder import write

FILES = {"colors.txt": "red\nblue\n", "loop.txt": "__loop__\n", "loras.txt": "<lora:x:1>\n"}


def defaults(**changes: object) -> Defaults:
    values = {
        "model": DEMO,
        "variants": (AttentionImplementation.ORIGINAL,),
        "compute_unit": ComputeUnit.ALL,
    }
    return Defaults(**{**values, **changes})  # type: ignore[arg-type]


def line(prompt: str, number: int = 1, **changes: object) -> PromptLine:
    return PromptLine(prompt=prompt, source=f"p.txt:{number}", **changes)  # type: ignore[arg-type]


class Expand:
    """Expands over one folder of wildcards."""

    def __init__(self, folder: Path) -> None:
        self.wildcards = Wildcards(write(folder, FILES), named=True)
        self.remarks = Remarks()

    def __call__(
        self,
        *lines: PromptLine,
        mode: Mode = Mode.COMBINATORIAL,
        seed: int = 0,
        max_images: int = 100_000,
        **changes: object,
    ) -> list[PromptLine]:
        dynamic = Dynamic(mode=mode, wildcards=self.wildcards, seed=seed)
        return expand(
            lines, defaults(**changes), dynamic, max_images=max_images, remarks=self.remarks
        )

    def refused(self, *lines: PromptLine, **changes: object) -> str:
        with pytest.raises(PromptFileError) as caught:
            self(*lines, **changes)  # type: ignore[arg-type]
        return str(caught.value)


@pytest.fixture
def made(tmp_path: Path) -> Expand:
    return Expand(tmp_path)


def by_prompt(lines: list[PromptLine]) -> dict[str, str]:
    return {one.prompt: format_seeds(one.seeds or ()) for one in lines}


def planned(lines: list[PromptLine]) -> BatchPlan:
    return plan_batch(lines, defaults(), resolver(ModelStore(Path("nowhere"))))


def test_every_combination_has_all_seeds_of_its_line(made: Expand) -> None:
    lines = made(
        line("a {big|small} __colors__ house", seeds=range(3), negative_prompt="{fog|rain}"),
        line("a tent", 2),
    )
    assert len(lines) == 9
    assert lines[1].prompt == "a big red house"
    assert (lines[1].negative_prompt, lines[1].seeds) == ("rain", range(3))
    assert lines[-1] == line("a tent", 2)
    assert made.remarks.describe() == [
        "1 line with choices makes 8 prompts, such as 'a big red house'."
    ]
    assert lines[1].dynamic == {
        "mode": "combinatorial",
        "template": "a {big|small} __colors__ house",
        "choices": [["{big|small}", "big"], ["__colors__", "red"]],
        "negative_template": "{fog|rain}",
        "negative_choices": [["{fog|rain}", "rain"]],
    }


def test_at_random_each_seed_has_a_prompt_and_equal_ones_share_an_entry(made: Expand) -> None:
    (template,) = [line("a __colors__ {house|tent}")]
    lines = made(template, mode=Mode.RANDOM, seeds=range(100))
    assert len(lines) == 4
    assert sorted(seed for one in lines for seed in one.seeds or ()) == list(range(100))
    assert all(len(one.seeds or ()) > 10 for one in lines)
    assert len(planned(lines).entries) == 4
    record = lines[0].dynamic or {}
    assert (record["seed"], record["template"]) == (0, template.prompt)


def test_an_image_keeps_its_prompt_whatever_is_submitted_with_it(made: Expand) -> None:
    template = "{" + "|".join(map(str, range(1_000))) + "}"
    few = by_prompt(made(line(template), mode=Mode.RANDOM, seeds=range(5)))
    more = made(
        line("other {a|b}"),
        line(template, 7, seeds=range(50), num_inference_steps=3),
        mode=Mode.RANDOM,
        negative_prompt="{fog|rain}",
    )
    found = {one.prompt: format_seeds(one.seeds or ()) for one in more if one.source == "p.txt:7"}
    assert few.items() <= found.items()
    other = by_prompt(made(line(template), mode=Mode.RANDOM, seeds=range(5), seed=1))
    assert few.keys() != other.keys()


def test_random_and_counted_seeds_are_settled_when_prompts_are_chosen(made: Expand) -> None:
    lines = made(line("{a|b|c} x", random_seeds=40), mode=Mode.RANDOM)
    assert sum(len(one.seeds or ()) for one in lines) == 40
    assert {one.random_seeds for one in lines} == {None}
    counted = made(line("{a|b|c} x", image_count=40), mode=Mode.RANDOM)
    assert sorted(seed for one in counted for seed in one.seeds or ()) == list(range(40))


def test_only_escaped_braces_are_plain_braces(made: Expand) -> None:
    (one,) = made(line(r"a \{set\|x\}"), mode=Mode.RANDOM)
    assert (one.prompt, one.dynamic, one.seeds) == ("a {set|x}", None, None)


def test_what_is_too_much_is_counted_before_anything_is_made(made: Expand) -> None:
    huge = "{a|b|c|d|e|f|g|h|i|j}" * 9
    said = made.refused(line("fine"), line(huge, 2), line("{a|b} " * 100, 3))
    assert (
        "p.txt:2: its choices make 1,000,000,000 prompts, but --max-images is 100,000; "
        "use --dynamic random, leave out choices, or raise it" in said
    )
    assert "p.txt:3: its choices make 1,000,000,000,000,000,000 prompts or more, but" in said
    said = made.refused(line("{a|b}", seeds=range(40_000)), line("{a|b}", 2, seeds=range(40_000)))
    assert (
        "p.txt:2: more than 100,000 images up to here; ask for fewer, or raise --max-images" in said
    )
    said = made.refused(line("{a|b}", seeds=range(11)), mode=Mode.RANDOM, max_images=10)
    assert "p.txt:1: more than 10 images" in said
    assert len(made(line("{a|b}", seeds=range(5)), max_images=10)) == 2


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("a __colour__", "p.txt:1: there is no wildcard '__colour__'"),
        ("a __loop__", "p.txt:1: the wildcard '__loop__' includes itself: loop > loop"),
        ("a {b|c", "p.txt:1: the brace at character 3 is not closed"),
        ("{|a}", "p.txt:1: an empty prompt comes of it"),
        ("{b|a __loras__}", "'<lora:x:1>' asks for an extra network"),
        ("a <lora:y:1>", "'<lora:y:1>' asks for an extra network"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(made: Expand, prompt: str, says: str) -> None:
    assert says in made.refused(line(prompt))
    assert made.refused(line(prompt), line(prompt, 2)).count("p.txt") == 1
    if "empty" not in says:
        assert says in made.refused(line("a house", negative_prompt=prompt))


def test_a_retried_image_keeps_its_template_unless_its_prompt_changes(made: Expand) -> None:
    entry = planned(made(line("a {red|blue} house"))).entries[1]
    failed = FailedImage(
        batch_name="b", entry=2, fields=entry.fields, recipe=entry.recipe, seed=0, attempts=3, error="x"
    )  # fmt: skip
    (again,) = map(Changes(["steps=40"]).of, lines_again([failed]))
    assert (again.dynamic or {})["choices"] == [["{red|blue}", "blue"]]
    (again,) = map(Changes(["prompt=a tent"]).of, lines_again([failed]))
    assert not again.dynamic


@pytest.mark.parametrize("mode", Mode)
def test_ten_thousand_lines_take_seconds(made: Expand, mode: Mode) -> None:
    lines = [line(f"a {{big|{{small|tiny}}}} house number {n}", n) for n in range(10_000)]
    started = time.process_time()
    found = made(*lines, mode=mode)
    assert len(found) == (10_000 if mode is Mode.RANDOM else 30_000)
    assert time.process_time() - started < 15  # 1 s of processor time on an idle machine


def test_a_million_prompts_are_refused_before_they_are_made(made: Expand) -> None:
    said = made.refused(line("{0|1|2|3|4|5|6|7|8|9}" * 6), line("{a|b}", 2), max_images=10_000_000)
    assert said.startswith("p.txt:2: more than 1,000,000 prompts up to here; submit them in parts")
