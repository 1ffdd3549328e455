"""The demo model, as shipped, drawn by the built-in pipeline through ONNX Runtime: real packages from end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_image_to_image import keep

from sdq_core.models import ModelStore
from sdq_core.models.controlnet import ControlNets
from sdq_core.values.conditions import Conditions, ControlNetUse
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.onnx import OnnxRuntime

EDGES = Path(__file__).parents[2] / "examples" / "edges.png"


def load(translations, attention, name="demo", **given):
    folder = ModelStore(translations / "no-models").find(name, attention)
    runtime = OnnxRuntime(translations, threads=1)
    units = PartUnits.all_on(ComputeUnit.ALL)
    return folder, BuiltinPipeline.load(folder, runtime, units, **given)


@pytest.fixture(scope="module")
def folder_and_pipeline(translations):
    return load(translations, AttentionImplementation.ORIGINAL)


@pytest.fixture(scope="module")
def pipeline(folder_and_pipeline):
    return folder_and_pipeline[1]


def draw(pipeline, **changes):
    values = {
        "prompt": "a small red circle on a blue background",
        "negative_prompt": "",
        "seed": 93,
        "num_inference_steps": 3,
        "guidance_scale": 5.0,
        "scheduler": Scheduler.DDIM,
        **changes,
    }
    return pipeline.draw(ImageRequest(**values), lambda done, total: None)


def test_the_pipeline_has_the_folders_size(folder_and_pipeline):
    folder, pipeline = folder_and_pipeline
    assert (pipeline.width, pipeline.height) == (folder.width, folder.height)
    assert draw(pipeline).pixels.shape == (folder.height, folder.width, 3)


@pytest.mark.parametrize("scheduler", list(Scheduler))
def test_every_scheduler_draws_the_same_bytes_for_a_seed_and_others_for_another(
    pipeline, scheduler
):
    first = draw(pipeline, scheduler=scheduler)
    assert draw(pipeline, scheduler=scheduler).pixels.tobytes() == first.pixels.tobytes()
    assert draw(pipeline, scheduler=scheduler, seed=94).pixels.tobytes() != first.pixels.tobytes()
    assert first.num_unet_calls == (4 if scheduler == Scheduler.PNDM else 3)


def test_each_word_of_the_recipe_changes_the_picture(pipeline):
    changes = [
        {},
        {"prompt": "a large green square"},
        {"negative_prompt": "blue"},
        {"guidance_scale": 9.0},
        {"num_inference_steps": 4},
        {"scheduler": Scheduler.EULER_DISCRETE},
    ]
    drawn = {draw(pipeline, **change).pixels.tobytes() for change in changes}
    assert len(drawn) == len(changes)


def test_a_long_prompt_is_cut_and_counted(pipeline):
    assert draw(pipeline).truncated_tokens == 0
    assert draw(pipeline, prompt="red circle, " * 60).truncated_tokens > 0


def test_any_text_draws(pipeline):
    assert draw(pipeline, prompt="Ünïcödé 😀 日本 \x00 don't").pixels.std() > 0


def test_the_safety_checker_reports(folder_and_pipeline):
    folder, pipeline = folder_and_pipeline
    if "safety_checker" not in folder.parts:
        pytest.skip("this demo model has no safety checker")
    drawn = draw(pipeline)
    assert drawn.nsfw_flagged is any(score > 0 for score in drawn.concept_scores.values())
    assert drawn.concept_scores


def test_without_guidance_the_negative_prompt_changes_nothing(pipeline):
    drawn = [draw(pipeline, guidance_scale=1.0, negative_prompt=text) for text in ("", "blue")]
    assert drawn[0].pixels.tobytes() == drawn[1].pixels.tobytes()
    assert drawn[0].num_unet_calls == 3


def test_the_model_of_few_steps_draws_nearly_what_it_was_distilled_from(translations, pipeline):
    folder, turbo = load(translations, AttentionImplementation.ORIGINAL, "demo-turbo")
    prompt = "a red lighthouse on the left in the mountains at dawn under a clear sky"
    few = draw(turbo, prompt=prompt, **folder.usual.settings())
    assert (few.num_unet_calls, folder.unet_batch) == (4, 1)
    many, other = (
        draw(pipeline, prompt=text, num_inference_steps=20, guidance_scale=3.5)
        for text in (prompt, "a blue tent on the right in the snow at night")
    )
    near, far = (np.abs(few.pixels.astype(int) - one.pixels).mean() for one in (many, other))
    assert near < far / 3


def slopes(pixels):
    """How much a picture changes around each pixel but the outermost."""
    grey = pixels.mean(axis=2)
    return np.hypot(grey[1:-1, 2:] - grey[1:-1, :-2], grey[2:, 1:-1] - grey[:-2, 1:-1])


def test_the_controlnet_makes_the_model_of_few_steps_follow_edges(translations, tmp_path):
    nets = ControlNets(tmp_path)
    folder, turbo = load(
        translations,
        AttentionImplementation.ORIGINAL,
        "demo-turbo",
        inputs=tmp_path / "inputs",
        controlnets=nets,
    )
    net = nets.find("demo-edges")
    folder.check_controlnets([net])
    with Image.open(EDGES) as image:
        edges = np.asarray(image.convert("RGB"))
        use = ControlNetUse(name=net.name, revision=net.revision, image=keep(tmp_path, image))
    prompt = "a red kite on the right in the mountains at sunset under a clear sky"
    followed, free = (
        draw(turbo, prompt=prompt, **folder.usual.settings(), conditions=Conditions(controlnets=c))
        for c in ((use,), ())
    )
    agrees, by_chance = (
        np.corrcoef(slopes(one.pixels).ravel(), slopes(edges).ravel())[0, 1]
        for one in (followed, free)
    )
    assert agrees > by_chance + 0.15


def test_split_einsum_draws_nearly_the_same_picture(translations, pipeline):
    _, split = load(translations, AttentionImplementation.SPLIT_EINSUM)
    difference = draw(pipeline).pixels.astype(int) - draw(split).pixels
    assert np.abs(difference).mean() < 2
