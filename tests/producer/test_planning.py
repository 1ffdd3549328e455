"""Plans: defaults and overrides, checks against the model, merging, keys."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from db.values import BatchPlan
from producer import Defaults, PromptLine, plan_batch
from producer.planning.plan import Resolve
from sdq_core.errors import InputError, InputMissingError, PromptFileError
from sdq_core.models import ModelStore, VariantFolder
from sdq_core.models import resolver as any_resolver
from sdq_core.values.recipes import Recipe
from sdq_core.values.seeds import format_seeds
from sdq_core.values.variants import (
    ANY,
    AnyVariant,
    AttentionImplementation,
    ComputeUnit,
    Scheduler,
)

ORIGINAL = AttentionImplementation.ORIGINAL
SPLIT = AttentionImplementation.SPLIT_EINSUM


def resolver(calls: list[str] | None = None) -> Resolve:
    def resolve(model: str, variant: AttentionImplementation) -> VariantFolder:
        if calls is not None:
            calls.append(f"{model} {variant}")
        if model not in {"demo", "other"} or variant is AttentionImplementation.SPLIT_EINSUM_V2:
            raise InputMissingError(
                f"there is no model {model} {variant}; sdq models lists those there are"
            )
        return VariantFolder(
            model=model,
            attention_implementation=variant,
            revision=f"revision of {model} {variant}",
            parts={},
            tokenizer=Path("tokenizer"),
            scheduler_config=Path("scheduler_config.json"),
            feature_extractor=None,
            width=512,
            height=512,
            unet_batch=2,
        )

    return resolve


def defaults(**changes: object) -> Defaults:
    values = {"model": "demo", "variants": (ORIGINAL,), "compute_unit": ComputeUnit.ALL}
    return Defaults(**{**values, **changes})  # type: ignore[arg-type]


def line(prompt: str = "a house", **changes: object) -> PromptLine:
    values = {"prompt": prompt, "source": "p.txt:1"}
    return PromptLine(**{**values, **changes})  # type: ignore[arg-type]


def plan(*lines: PromptLine, resolve: Resolve | None = None, **changes: object) -> BatchPlan:
    return plan_batch(lines, defaults(**changes), resolve or resolver())


def shape(made: BatchPlan) -> list[tuple[str, str, dict[str, object]]]:
    return [(e.recipe.prompt, format_seeds(e.seeds), dict(e.fields)) for e in made.entries]


def test_defaults_fill_what_a_line_leaves_open() -> None:
    made = plan(
        line(),
        line("b", seeds=[4], num_inference_steps=5, negative_prompt="", scheduler=Scheduler.DDIM),
        seeds=range(10),
        negative_prompt=" fog ",
        guidance_scale=3,
        batch_name="night",
    )
    one, two = made.entries
    assert made.name == "night"
    assert (one.seeds, one.recipe.negative_prompt, one.recipe.guidance_scale) == (
        range(10),
        "fog",
        3,
    )
    assert (one.recipe.width, one.recipe.num_inference_steps) == (512, 20)
    assert one.recipe.variant.revision == "revision of demo original"
    assert (two.seeds, two.recipe.negative_prompt) == ([4], "")
    assert (two.recipe.num_inference_steps, two.recipe.scheduler) == (5, Scheduler.DDIM)
    assert made.options["seeds"] == "0-9"


def test_without_a_seed_one_image_is_drawn_again_and_again_the_same() -> None:
    assert shape(plan(line())) == [("a house", "0", {})]
    assert plan(line()).key == plan(line()).key


def test_counted_and_random_seeds() -> None:
    counted, from_five = plan(line(image_count=3)), plan(line(image_count=3), seeds=range(5, 99))
    assert counted.entries[0].seeds == range(3)
    assert from_five.entries[0].seeds == range(5, 8)
    drawn = plan(
        line("a"), line("b"), line("c", seeds=[1]), line("d", random_seeds=2), random_seeds=4
    )
    assert [len(entry.seeds) for entry in drawn.entries] == [4, 4, 1, 2]
    assert drawn.entries[0].seeds != drawn.entries[1].seeds
    assert drawn.options["seeds"] is None
    with pytest.raises(PromptFileError, match=r"p\.txt:1: seed '4294967296'"):
        plan(line(image_count=2), seeds=[4294967295])


def test_each_variant_draws_and_is_looked_up_once() -> None:
    calls: list[str] = []
    lines = [line(f"prompt {i}") for i in range(50)]
    made = plan(
        *lines, line("x", model="other"), variants=(ORIGINAL, SPLIT), resolve=resolver(calls=calls)
    )
    assert len(made.entries) == 102
    assert sorted(calls) == [
        "demo original",
        "demo split_einsum",
        "other original",
        "other split_einsum",
    ]


def test_identical_lines_are_merged() -> None:
    made = plan(line(seeds=range(3)), line("b"), line(seeds=[2, 7]), line(seeds=range(3)))
    assert shape(made) == [("a house", "0-2,7", {}), ("b", "0", {})]


def test_each_custom_id_keeps_its_own_seeds() -> None:
    made = plan(
        line(seeds=[1], custom_id="a"),
        line(seeds=[2, 3], custom_id="b"),
        line(seeds=[1, 3, 9], custom_id="c"),
        line(seeds=[1]),
    )
    assert shape(made) == [
        ("a house", "1", {"custom_id": "a", "also": [{"custom_id": "c", "seeds": "1"}]}),
        ("a house", "2-3", {"custom_id": "b", "also": [{"custom_id": "c", "seeds": "3"}]}),
        ("a house", "9", {"custom_id": "c"}),
    ]


def test_fields_of_different_types_are_different() -> None:
    made = plan(line(seeds=[1], meta={"k": 1}), line(seeds=[2], meta={"k": True}))
    assert len(made.entries) == 2


def test_the_key_says_what_is_drawn() -> None:
    base = plan(line(), line("b"))
    assert len(base.key) == 64
    assert plan(line(), line("b"), slice_size=7).key == base.key
    different = [
        plan(line("b"), line()),
        plan(line(), line("b"), seeds=range(2)),
        plan(line(), line("b", custom_id="1")),
        plan(line(), line("b"), batch_name="again"),
        plan(line(), line("b"), compute_unit=ComputeUnit.CPU_ONLY),
        plan(line(), line("b"), guidance_scale=7),
    ]
    assert len({base.key, *(other.key for other in different)}) == 7


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"width": 640}, "demo cannot draw 640x512: it was converted for 512x512"),
        ({"height": 511}, "demo cannot draw 512x511"),
        ({"model": "none"}, "there is no model none original"),
        (
            {"variants": (AttentionImplementation.SPLIT_EINSUM_V2,)},
            "there is no model demo split_einsum_v2",
        ),
    ],
)
def test_lines_that_the_model_cannot_draw(changes: dict[str, object], says: str) -> None:
    with pytest.raises(PromptFileError) as caught:
        plan(line("fine"), line(source="p.txt:2", **changes), line(source="p.txt:9", **changes))
    assert [problem.split(" ")[0] for problem in caught.value.problems] == ["p.txt:2:", "p.txt:9:"]
    assert says in caught.value.problems[0]


def test_guidance_may_be_off() -> None:
    made = plan(line(guidance_scale=0.0), line("b"))
    assert [entry.recipe.guidance_scale for entry in made.entries] == [0.0, 7.5]


def test_the_submissions_own_missing_model_is_its_own_error() -> None:
    with pytest.raises(InputMissingError, match="there is no model none"):
        plan(line(), model="none")


@pytest.mark.parametrize(
    "changes",
    [
        {"num_inference_steps": 0},
        {"num_inference_steps": 1001},
        {"guidance_scale": float("nan")},
        {"guidance_scale": -1.0},
        {"negative_prompt": "a\0b"},
        {"batch_name": " "},
        {"batch_name": "a\nb"},
        {"batch_name": "x" * 256},
        {"variants": ()},
        {"seeds": ()},
        {"random_seeds": 0},
        {"slice_size": 0},
    ],
)
def test_defaults_that_no_model_can_take(changes: dict[str, object]) -> None:
    with pytest.raises(InputError):
        plan(line(), **changes)


def test_any_variant_is_a_recipe_of_its_own_beside_the_named_ones() -> None:
    def made(*lines: PromptLine, **changes: object) -> BatchPlan:
        return plan(*lines, resolve=any_resolver(ModelStore(Path("nowhere"))), **changes)

    both = made(line(), variants=(ORIGINAL, ANY)).entries
    named, left_open = (entry.recipe for entry in both)
    assert isinstance(left_open.variant, AnyVariant)
    assert left_open.variant.revision == f"original:{named.variant.revision}"
    assert left_open.content_key != named.content_key
    assert Recipe.from_dict(left_open.to_dict()) == left_open
    assert made(line(variants=(ANY,))).entries[0].recipe == left_open
    # The submission's compute unit is for the variants that are named; a line's own is a contradiction.
    unit = ComputeUnit.CPU_ONLY
    assert made(line(variants=(ANY,)), compute_unit=unit).entries[0].recipe == left_open
    with pytest.raises(
        PromptFileError, match="compute_unit CPU_ONLY cannot be combined with variant any"
    ):
        made(line(compute_unit=unit), variants=(ANY,))


def test_ten_thousand_prompts_of_a_hundred_seeds_are_planned_quickly() -> None:
    lines = [line(f"prompt {i}") for i in range(10_000)]
    started = time.process_time()
    made = plan(*lines, seeds=range(100))
    assert len(made.entries) == 10_000
    assert time.process_time() - started < 2  # 0.3 s alone on a slow machine; room for a busy one


def test_ten_thousand_times_the_same_prompt_is_planned_quickly() -> None:
    lines = [line(seeds=[i], custom_id=str(i)) for i in range(5_000)]
    lines += [line(seeds=[i]) for i in range(10_000)]
    started = time.process_time()
    made = plan(*lines)
    assert len(made.entries) == 5_001
    assert time.process_time() - started < 3
