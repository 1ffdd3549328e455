"""Conditions are a part of a recipe that recipes without them do not show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sdq_core.values.annotators import Annotator
from sdq_core.values.conditions import NO_CONDITIONS, Conditions, ControlNetUse
from sdq_core.values.recipes import Recipe
from tests.ledger.plans import recipe

EDGES = ControlNetUse(name="edges", revision="ab", image="c" * 64, scale=0.5, end=0.75)
ALL = Conditions(
    init_image="a" * 64,
    strength=0.6,
    mask="b" * 64,
    controlnets=(EDGES, replace(EDGES, annotator=Annotator.CANNY, source="a" * 64)),
    original_size=(1024, 768),
    crop=(0, 16),
    weighted=True,
    eta=0.3,
)


def test_a_recipe_without_conditions_keeps_its_key() -> None:
    plain = recipe("the sea")
    assert plain.content_key == replace(plain, conditions=Conditions()).content_key
    assert plain.to_dict().keys() == {
        "model", "revision", "attention_implementation", "compute_unit", "prompt", "negative_prompt",
        "num_inference_steps", "guidance_scale", "scheduler", "width", "height", "rng",
    }  # fmt: skip
    assert Recipe.from_dict(plain.to_dict()) == plain
    assert not plain.conditions


@pytest.mark.parametrize("field", list(ALL.to_dict()))
def test_each_condition_is_told_again_and_changes_the_key(field: str) -> None:
    one = Conditions(**{field: getattr(ALL, field)})
    assert one
    assert Conditions.from_dict(one.to_dict()) == one
    conditioned = replace(recipe("the sea"), conditions=one)
    assert Recipe.from_dict(conditioned.to_dict()) == conditioned
    assert conditioned.content_key != recipe("the sea").content_key


@pytest.mark.parametrize(
    "fields",
    [
        {"init_image": "../../etc/passwd"},
        {"mask": 5},
        {"strength": float("nan")},
        {"strength": "much"},
        {"crop": [1]},
        {"crop": [1.5, 2]},
        {"original_size": [-1, 5]},
        {"original_size": 7},
        {"controlnets": 7},
        {"controlnets": [{"name": "edges"}]},
        {"controlnets": [EDGES.to_dict() | {"name": "../edges"}]},
        {"controlnets": [EDGES.to_dict() | {"name": "a\ud800"}]},
        {"controlnets": [EDGES.to_dict() | {"revision": "\ud800"}]},
        {"controlnets": [EDGES.to_dict()] * 9},
        {"controlnets": [EDGES.to_dict() | {"scale": 1e9}]},
        {"controlnets": [EDGES.to_dict() | {"annotator": "canny"}]},
        {"controlnets": [EDGES.to_dict() | {"annotator": "depth", "source": "a" * 64}]},
        {"eta": 1.5},
    ],
)
def test_what_no_conditions_are_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Conditions.from_dict(fields)


def test_all_of_them_are_told_again() -> None:
    assert Conditions.from_dict(ALL.to_dict()) == ALL
    assert ALL.inputs == ("a" * 64, "b" * 64, "c" * 64)
    assert NO_CONDITIONS.inputs == ()
