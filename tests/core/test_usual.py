"""How models that need few steps are drawn where neither a prompt nor the command says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sdq.submitting.options import SubmitOptions
from sdq.submitting.planned import plan_request
from sdq.submitting.request import read_request
from sdq_core.models import ModelStore
from sdq_core.models.usual import Usual, usual_for
from sdq_core.models.usual_file import set_usual
from sdq_core.settings import read_settings
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import AttentionImplementation, Scheduler
from tests.core.commands import Commands
from tests.core.small_packages import PARTS, write_model

ORIGINAL = AttentionImplementation.ORIGINAL
PNDM = {"_class_name": "PNDMScheduler", "beta_schedule": "scaled_linear"}
EULER = {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing"}
LCM = {"_class_name": "LCMScheduler"}
TCD = {"_class_name": "TCDScheduler"}


@pytest.mark.parametrize(
    ("name", "config", "says"),
    [
        ("stable-diffusion-v1-5", PNDM, ""),
        ("stable-diffusion-v1-5", EULER, ""),
        ("mine", LCM, "4 steps, guidance scale 1, LCM"),
        ("hyper-sdxl-8steps", TCD, "8 steps, guidance scale 0, TCD"),
        ("coreml-sd-turbo", EULER, "4 steps, guidance scale 0, EulerDiscrete"),
        ("/models/SDXL_Turbo/", EULER, "4 steps, guidance scale 0, EulerDiscrete"),
        ("turbomachine", EULER, ""),
        ("sdxl_lightning_8step", EULER, "8 steps, guidance scale 0, EulerDiscrete"),
        ("lightning-strikes", EULER, ""),
        ("sd15-Hyper-SD15-2steps", PNDM, "2 steps, guidance scale 0, PNDM"),
        ("Hyper-SDXL-12steps-CFG", PNDM, "12 steps, guidance scale 5"),
        ("dreamshaper-8-lcm", PNDM, "4 steps, guidance scale 1, LCM"),
        ("sdxl-tcd", PNDM, "4 steps, guidance scale 0, TCD"),
        ("calcmania", PNDM, ""),
        ("sdxl-lightning-1step", EULER, "1 step, guidance scale 0, EulerDiscrete"),
        ("Hyper-SDXL-1step-Unet", EULER, "1 step, guidance scale 0, LCM"),
        ("hyper-sd15-1step-lora", PNDM, "1 step, guidance scale 0, TCD"),
        ("dmd2-sdxl-4step", EULER, "4 steps, guidance scale 0, LCM"),
        ("flash-sdxl", EULER, "4 steps, guidance scale 0, LCM"),
        ("pcm_sd15_normalcfg_8step", PNDM, "8 steps, guidance scale 7.5, TCD"),
        ("mine", {**LCM, "timesteps": [800]}, "1 step, guidance scale 1, LCM"),
    ],
)
def test_they_are_known_by_their_scheduler_file_or_by_name(
    name: str, config: dict[str, Any], says: str
) -> None:
    assert usual_for(name, config).describe() == says


def test_a_u_net_that_takes_the_scale_has_no_usual_one() -> None:
    assert usual_for("x", LCM, embeds_guidance=True).describe() == "4 steps, LCM"


@pytest.fixture
def turbo(sdq: Commands) -> Path:
    """A model that is known by its name, and one that is as any other."""
    models = sdq.home / "models"
    write_model(models / "sd-turbo", PARTS, scheduler_config=EULER)
    write_model(models / "plain", PARTS)
    return models


def planned(sdq: Commands, **options: Any) -> list[Recipe]:
    options = {"prompts": ("a boat",), "model": "sd-turbo", **options}
    settings = read_settings({"SDQ_HOME": str(sdq.home), "SDQ_STEPS": "33"})
    plan = plan_request(settings, read_request(SubmitOptions(**options), settings), None).plan
    return [entry.recipe for entry in plan.entries]


def settings_of(recipe: Recipe) -> tuple[int, float, Scheduler]:
    return recipe.num_inference_steps, recipe.guidance_scale, recipe.scheduler


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (4, 0.0, Scheduler.EULER_DISCRETE)),
        ({"variant": "any"}, (4, 0.0, Scheduler.EULER_DISCRETE)),
        ({"num_inference_steps": "1"}, (1, 0.0, Scheduler.EULER_DISCRETE)),
        ({"guidance_scale": "2"}, (4, 2.0, Scheduler.EULER_DISCRETE)),
        ({"scheduler": "LCM"}, (4, 0.0, Scheduler.LCM)),
        ({"model": "plain"}, (33, 7.5, Scheduler.DPM_SOLVER_MULTISTEP)),
        ({"objects": [{"prompt": "a", "steps": 2}], "prompts": ()}, (2, 0.0, Scheduler.EULER_DISCRETE)),
        ({"objects": [{"prompt": "a", "model": "plain"}], "prompts": ()}, (33, 7.5, Scheduler.DPM_SOLVER_MULTISTEP)),
        (
            {"model": "plain", "objects": [{"prompt": "a", "model": "sd-turbo"}], "prompts": ()},
            (4, 0.0, Scheduler.EULER_DISCRETE),
        ),
    ],
)  # fmt: skip
def test_prompts_and_commands_go_before_the_model_and_the_model_before_preferences(
    sdq: Commands, turbo: Path, options: dict[str, Any], expected: tuple[int, float, Scheduler]
) -> None:
    (recipe,) = planned(sdq, **options)
    assert settings_of(recipe) == expected


def test_a_grid_goes_before_the_model(sdq: Commands, turbo: Path) -> None:
    recipes = planned(sdq, num_inference_steps="1,4", scheduler="PNDM,DDIM")
    assert [settings_of(recipe) for recipe in recipes] == [
        (steps, 0.0, scheduler)
        for steps in (1, 4)
        for scheduler in (Scheduler.PNDM, Scheduler.DDIM)
    ]


def test_the_plan_says_so_and_the_batch_keeps_it(sdq: Commands, turbo: Path) -> None:
    submit = ("submit", "--prompt", "a boat", "--model", "sd-turbo", "--dry-run")
    says = "sd-turbo is drawn with 4 steps, guidance scale 0, EulerDiscrete, known by its name."
    assert says in sdq(*submit).out
    assert "with 4 steps, EulerDiscrete," in sdq(*submit, "--guidance-scale", "1").out
    assert "is drawn with" not in sdq(*submit, "--model", "plain").out
    told = sdq(*submit, "--json").json["remarks"]["usual"]["sd-turbo"]
    assert (told["num_inference_steps"], told["by"]) == (4, "name")
    settings = read_settings({"SDQ_HOME": str(sdq.home)})
    request = read_request(SubmitOptions(prompts=("a",), model="sd-turbo"), settings)
    kept = plan_request(settings, request, None).plan.options
    assert (kept["num_inference_steps"], kept["guidance_scale"]) == (4, 0.0)


def test_what_is_set_goes_before_what_is_known(sdq: Commands, turbo: Path) -> None:
    said = sdq("models", "set", "sd-turbo", "--steps", "1").out
    assert "1 step, guidance scale 0, EulerDiscrete, as set with `sdq models set`" in said
    assert settings_of(planned(sdq)[0]) == (1, 0.0, Scheduler.EULER_DISCRETE)
    sdq("models", "set", "plain", "--steps", "6", "--cfg-scale", "0")
    sdq("models", "set", "plain", "--scheduler", "lcm", "-q")
    assert settings_of(planned(sdq, model="plain")[0]) == (6, 0.0, Scheduler.LCM)
    listed = sdq("models").out
    assert "6 steps, guidance scale 0, LCM" in listed
    by_name = {one["name"]: one["usual"] for one in sdq("models", "--json").json}
    assert by_name["demo"] is None
    assert by_name["plain"]["guidance_scale"] == 0.0
    told = sdq("models", "set", "plain", "--reset", "--json").json
    assert told == {"name": "plain", "usual": None, "scheduler_settings": {}}
    assert "as any other model" in sdq("models", "set", "plain", "--reset").out
    sdq("models", "remove", "sd-turbo", "--yes")
    assert (turbo / "usual.json").read_text() == "{}\n"


def test_the_scheduler_of_few_steps_is_that_of_the_file(sdq: Commands, turbo: Path) -> None:
    set_usual(turbo, "plain", Usual(num_inference_steps=8))
    assert settings_of(planned(sdq, model="plain")[0]) == (8, 7.5, Scheduler.PNDM)
    set_usual(turbo, "plain", Usual(num_inference_steps=30))
    assert settings_of(planned(sdq, model="plain")[0]) == (30, 7.5, Scheduler.DPM_SOLVER_MULTISTEP)


def test_what_its_scheduler_file_does_not_say_is_named_and_can_be_set(
    sdq: Commands, turbo: Path
) -> None:
    hyper = turbo / "hyper-sdxl-1step-unet"
    write_model(hyper, PARTS, scheduler_config=EULER)
    submit = ("submit", "--prompt", "a boat", "--model", hyper.name, "--dry-run")
    assert f"`sdq models set {hyper.name} --timesteps 800`" in sdq(*submit).out
    before = ModelStore(turbo).find(hyper.name, ORIGINAL)

    said = sdq("models", "set", hyper.name, "--timesteps", "800").out
    assert "with 1 step, guidance scale 0, LCM" in said
    assert "In place of its scheduler file, --timesteps 800 holds for it." in said
    assert settings_of(planned(sdq, model=hyper.name)[0]) == (1, 0.0, Scheduler.LCM)
    assert "models set" not in sdq(*submit).out.replace("as set with `sdq models set`", "")
    after = ModelStore(turbo).find(hyper.name, ORIGINAL)
    assert list(after.timesteps) == [800]
    assert not after.goes_by(before.revision), "what was submitted before asks for other images"
    assert after.revision == planned(sdq, model=hyper.name)[0].variant.revision

    for asked, says in (
        (["--steps", "4"], "distilled for timestep 800, so num_inference_steps has to be 1"),
        (["--scheduler", "DDIM"], "scheduler LCM or TCD, not 1 and DDIM"),
    ):
        assert says in sdq(*submit, *asked, code=65).err
    sdq("models", "set", hyper.name, "--prediction-type", "v_prediction")
    assert ModelStore(turbo).find(hyper.name, ORIGINAL).scheduler_settings == {
        "prediction_type": "v_prediction",
        "timesteps": [800],
    }
    assert "LCM; --prediction-type v_prediction --timesteps 800" in sdq("models").out
    sdq("models", "set", hyper.name, "--reset")
    assert ModelStore(turbo).find(hyper.name, ORIGINAL) == before


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (
            ["plain", "--timesteps", "1000"],
            65,
            "--timesteps: '1000' does not list falling numbers below",
        ),
        (["plain", "--timesteps", "249,800"], 65, "does not list falling numbers below 1000"),
        (["plain", "--timesteps", "800", "--steps", "4"], 2, "--timesteps has 1, and --steps 4"),
        (["plain", "--timesteps", "800", "--scheduler", "DDIM"], 2, "are for LCM and TCD, not for"),
        (["plain"], 2, "Name what to set"),
        (["none", "--steps", "4"], 66, "There is no model 'none'"),
        (["plain", "--steps", "0"], 65, "--steps: num_inference_steps is 0"),
        (["plain", "--guidance-scale", "nan"], 65, "--guidance-scale: guidance_scale is nan"),
        (["plain", "--scheduler", "EDM"], 65, "--scheduler: unknown scheduler 'EDM'"),
    ],
)
def test_what_cannot_be_set_is_refused_and_nothing_kept(
    sdq: Commands, turbo: Path, arguments: list[str], code: int, says: str
) -> None:
    assert says in sdq("models", "set", *arguments, code=code).err
    assert not (turbo / "usual.json").exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"plain": 4}', '{"plain": {"scheduler": "EDM"}}'])
def test_a_damaged_file_is_named_with_what_to_do(sdq: Commands, turbo: Path, content: str) -> None:
    (turbo / "usual.json").write_text(content)
    refused = sdq("submit", "--prompt", "x", "--model", "plain", "--dry-run", code=65).err
    assert str(turbo / "usual.json") in refused
    assert "sdq models set" in refused
    # Drawing does not ask.
    assert ModelStore(turbo).find("plain", ORIGINAL).width == 64


def test_lcm_takes_no_more_steps_than_it_was_distilled_at(sdq: Commands, turbo: Path) -> None:
    refused = sdq(
        "submit", "--prompt", "x", "--scheduler", "LCM", "--steps", "51", "--dry-run", code=65
    )
    assert "LCM takes 1 to 50; use 4 to 8" in refused.err
