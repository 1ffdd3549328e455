"""U-Nets that take the guidance scale as an input: one evaluation a step, and no negative prompt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toys import F16, ToyModel, ToyRuntime, noise_of, parts, unet_inputs, variant_folder

from sdq_core.errors import ConfigurationError
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import ComputeUnit, Scheduler
from worker.pipelines import choice
from worker.pipelines.apple import ApplePipeline
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.pipelines.guidance_embedding import guidance_embedding

UNITS = PartUnits.all_on(ComputeUnit.ALL)
REQUEST = ImageRequest(
    prompt="a photo of an astronaut",
    negative_prompt="mars",
    seed=93,
    num_inference_steps=4,
    guidance_scale=8.5,
    scheduler=Scheduler.LCM,
)
#: diffusers' `get_guidance_scale_embedding(w, 256)` at these places, recorded with diffusers 0.35.2.
PLACES = [0, 1, 5, 64, 127, 128, 129, 200, 255]
RECORDED = {
    8.5: [-0.851236, 0.842131, -0.673128, -0.072438, 0.681639, -0.524783, 0.539273, -0.939037, 0.731689],
    1.0: [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0],
    1.5: [-0.467772, 0.066699, 0.709319, -0.994005, 0.049979, -0.883849, 0.997773, -0.903779, 0.998750],
}  # fmt: skip


def models_with_embedding(batch):
    def predict(timestep_cond, **inputs):
        return {"noise_pred": noise_of(**inputs) + timestep_cond[:, :1, None, None]}

    inputs = {**unet_inputs(batch), "timestep_cond": ((batch, 256), F16)}
    return {**parts(batch), "unet": ToyModel(inputs, predict)}


def load(root, batch):
    models = models_with_embedding(batch)
    folder = replace(variant_folder(root / f"model{batch}", models), embeds_guidance=True)
    return models, folder, BuiltinPipeline.load(folder, ToyRuntime(models), UNITS)


@pytest.mark.parametrize("scale", RECORDED)
def test_the_embedding_is_that_of_diffusers(scale):
    embedded = guidance_embedding(scale, 256)
    assert embedded.shape == (1, 256)
    assert embedded.dtype == np.float32
    # A sine of 7500 has lost four of float32's digits.
    assert np.allclose(embedded[0, PLACES], RECORDED[scale], atol=2e-3)


@pytest.mark.parametrize("batch", [1, 2])
def test_the_u_net_is_told_the_scale_and_evaluated_once_a_step(tmp_path, batch):
    models, _, pipeline = load(tmp_path, batch)
    drawn = pipeline.draw(REQUEST, lambda done, total: None)
    assert drawn.num_unet_calls == models["unet"].calls == 4
    assert models["text_encoder"].calls == 1
    told = models["unet"].last["timestep_cond"]
    assert (told == guidance_embedding(8.5, 256).astype(np.float16)).all()
    other = pipeline.draw(replace(REQUEST, guidance_scale=4.0), lambda done, total: None)
    assert other.pixels.tobytes() != drawn.pixels.tobytes()


def test_batch_1_and_batch_2_draw_the_same(tmp_path):
    one, two = (
        load(tmp_path, batch)[2].draw(REQUEST, lambda done, total: None).pixels for batch in (1, 2)
    )
    assert one.tobytes() == two.tobytes()


def test_apples_pipeline_is_not_chosen_and_refuses(tmp_path, monkeypatch):
    models, folder, _ = load(tmp_path, 1)
    with pytest.raises(ConfigurationError, match="Leave out --pipeline apple"):
        ApplePipeline.load(folder, ToyRuntime(models), UNITS)
    monkeypatch.setattr(choice, "_is_apples_natural_choice", lambda: True)
    chosen = choice.load_pipeline(choice.PipelineChoice.AUTO, folder, ToyRuntime(models), UNITS)
    assert chosen.name == "builtin"
