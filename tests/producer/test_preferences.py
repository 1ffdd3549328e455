"""What `sdq.toml` and the environment prefer, from file to plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from db.ledger import Ledger
from db.values import BatchPlan
from producer.planning.preferences import problems
from sdq.submitting.options import SubmitOptions
from sdq.submitting.planned import plan_request
from sdq.submitting.request import read_request
from sdq_core.errors import ConfigurationError
from sdq_core.models import DEMO
from sdq_core.settings import Preferences, read_settings
from sdq_core.values.recipes import Recipe

Plan = Callable[..., BatchPlan]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path / 'sdq.db'}") as opened:
        yield opened


@pytest.fixture
def planned(tmp_path: Path, ledger: Ledger) -> Plan:
    """Plan a prompt with this `sdq.toml` and these options."""

    def plan(
        toml: str = "", environment: dict[str, str] | None = None, **options: object
    ) -> BatchPlan:
        (tmp_path / "sdq.toml").write_text(toml)
        settings = read_settings({"SDQ_HOME": str(tmp_path), **(environment or {})})
        given = SubmitOptions(**{"prompts": ("a tree",), "batch": "one", **options})  # type: ignore[arg-type]
        return plan_request(settings, read_request(given, settings), ledger).plan

    return plan


def recipe(plan: BatchPlan) -> Recipe:
    return plan.entries[0].recipe


def placement(plan: BatchPlan) -> str:
    variant = recipe(plan).variant
    return f"{variant.attention_implementation} {variant.compute_unit}"


TOML = """
steps = 7
guidance_scale = 3
scheduler = "Euler a"
negative_prompt = "fog"
variant = "split_einsum"
compute_unit = "CPU_ONLY"
"""


def test_a_preference_stands_between_default_and_option(planned: Plan) -> None:
    plain = recipe(planned())
    assert (plain.num_inference_steps, plain.guidance_scale, plain.negative_prompt) == (20, 7.5, "")
    preferred = planned(TOML)
    drawn = recipe(preferred)
    assert (drawn.num_inference_steps, drawn.guidance_scale) == (7, 3.0)
    assert (str(drawn.scheduler), drawn.negative_prompt) == ("EulerAncestralDiscrete", "fog")
    assert placement(preferred) == "split_einsum CPU_ONLY"
    assert recipe(planned(TOML, {"SDQ_STEPS": "8"})).num_inference_steps == 8
    named = planned(
        TOML, {"SDQ_STEPS": "8"}, num_inference_steps=9, negative_prompt="", variant="original",
        compute_unit="ALL",
    )  # fmt: skip
    assert (recipe(named).num_inference_steps, recipe(named).negative_prompt) == (9, "")
    assert placement(named) == "original ALL"
    assert placement(planned(TOML, variant="auto")) == "split_einsum CPU_ONLY"


def test_a_batch_keeps_what_it_began_with(planned: Plan, ledger: Ledger) -> None:
    ledger.submissions.add(planned())
    assert placement(planned('variant = "split_einsum"')) == "original ALL"
    assert placement(planned('variant = "any"')) == "original ALL"
    assert placement(planned(TOML, batch="two")) == "split_einsum CPU_ONLY"
    ledger.submissions.add(planned(TOML, batch="two"))
    assert placement(planned(batch="two")) == "split_einsum CPU_ONLY"


def test_a_named_compute_unit_goes_before_preferred_any(planned: Plan) -> None:
    assert placement(planned('variant = "any"')) == "any any"
    assert placement(planned('variant = "any"', compute_unit="CPU_ONLY")) == "original CPU_ONLY"
    assert placement(planned('compute_unit = "CPU_ONLY"', variant="any")) == "any any"
    both = planned('variant = "original,split_einsum"\ncompute_unit = "CPU_ONLY"')
    assert len(both.entries) == 2


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("steps = 0", "sdq.toml: num_inference_steps is 0; use 1 to"),
        ("guidance_scale = nan", "sdq.toml: guidance_scale is nan"),
        ("scheduler = 'Eulr'", "sdq.toml: unknown scheduler 'Eulr'; did you mean Euler?"),
        ("variant = 'orignal'", "did you mean original?"),
        ("variant = ','", "unknown variant"),
        ("compute_unit = 'GPU'", "unknown compute unit 'GPU'"),
        ("variant = 'any'\ncompute_unit = 'ALL'", "leave compute_unit out"),
        ("model = './here'", "depends on the current folder"),
        ('negative_prompt = "a\\u0000b"', "negative_prompt contains the character"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_file(planned: Plan, toml: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=r"sdq\.toml: ") as raised:
        planned(toml)
    assert says in str(raised.value)


def test_the_environment_is_named_by_its_variable() -> None:
    settings = read_settings({"SDQ_HOME": "/nowhere", "SDQ_SCHEDULER": "x"})
    (problem,) = problems(settings.preferences, settings.origins)
    assert problem.startswith("SDQ_SCHEDULER: unknown scheduler 'x'")


def test_without_a_word_nothing_is_preferred() -> None:
    settings = read_settings({"SDQ_HOME": "/nowhere"})
    assert settings.preferences == Preferences()
    assert settings.preferences.model == DEMO
    assert problems(settings.preferences, settings.origins) == []
