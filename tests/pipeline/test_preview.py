"""Previews: what an image would be if its noise were taken away now."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdq_core.models import DEMO, ModelStore
from sdq_core.models.scheduler_config import SchedulerConfig
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest, Look
from worker.pipelines.denoise import Evaluation
from worker.pipelines.preview import Previews, denoised
from worker.pipelines.schedulers import make_scheduler
from worker.runtimes.choice import choose_runtime


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("name", list(Scheduler))
def test_the_noise_is_taken_away_whatever_scheduler_added_it(name: Scheduler, kind: str) -> None:
    config = SchedulerConfig(values={"prediction_type": kind}, origin="here")
    scheduler = make_scheduler(name, config, 20)
    random = np.random.RandomState(0)
    picture, noise = random.randn(2, 1, 4, 8, 8).astype(np.float32)
    one, nothing = np.ones(1, np.float32), np.zeros(1, np.float32)
    for index in (0, 7, len(scheduler.timesteps) - 1):
        kept = scheduler.add_noise(one, nothing, index)
        added = scheduler.add_noise(nothing, one, index)
        length = np.hypot(kept, added)
        v = (kept * noise - added * picture) / length
        evaluation = Evaluation(
            done=1,
            total=20,
            latents=picture,
            index=index,
            sample=scheduler.add_noise(picture, noise, index),
            noise_pred=noise if kind == "epsilon" else v,
        )
        found = denoised(scheduler, evaluation, kind)
        assert np.abs(found - picture).max() < 2e-3


@pytest.fixture(scope="module")
def pipeline(translations: Path) -> BuiltinPipeline:
    return BuiltinPipeline.load(
        ModelStore(translations / "none").find(DEMO, AttentionImplementation.ORIGINAL),
        choose_runtime(cache=translations, threads=1),
        PartUnits.all_on(ComputeUnit.ALL),
        with_previews=True,
    )


def test_a_preview_has_the_shapes_of_the_image_long_before_its_end(
    pipeline: BuiltinPipeline,
) -> None:
    seen = []

    def on_step(done: int, total: int, look: Look | None = None) -> None:
        assert look
        preview = look()
        assert preview is not None
        seen.append(preview.astype(float).mean(axis=2))

    request = ImageRequest(
        prompt="a postcard of a red lighthouse on the right by the sea at sunset, under a clear sky",
        negative_prompt="",
        seed=2,
        num_inference_steps=8,
        guidance_scale=3.5,
        scheduler=Scheduler.DPM_SOLVER_MULTISTEP,
    )
    pixels = pipeline.draw(request, on_step).pixels
    blocks = pixels.reshape(16, 8, 16, 8, 3).mean(axis=(1, 3, 4))
    alike = [float(np.corrcoef(preview.ravel(), blocks.ravel())[0, 1]) for preview in seen]
    assert len(alike) == 8
    assert min(alike[2:]) > 0.7, alike
    assert alike[-1] > alike[0]


def test_previews_come_to_be_right_for_what_is_drawn(pipeline: BuiltinPipeline) -> None:
    decoder = pipeline._pieces.vae_decoder
    shape = pipeline._pieces.unet.latents_shape
    previews = Previews.fitted(decoder, shape, "sample")
    scheduler = make_scheduler(Scheduler.DDIM, SchedulerConfig(values={}, origin="here"), 20)
    # Nothing like what the map was fitted to.
    latents = np.linspace(-3, 3, np.prod(shape), dtype=np.float32).reshape(shape)
    pixels = decoder.decode(latents).pixels
    colours = pixels.reshape(16, 8, 16, 8, 3).mean(axis=(1, 3))
    shown = Evaluation(
        done=1, total=20, latents=latents, index=0, sample=latents, noise_pred=latents
    )
    far = []
    for _ in range(30):
        preview = previews.picture(scheduler, shown)
        assert preview is not None
        far.append(float(np.abs(preview - colours).mean()))
        previews.learn(latents, pixels)
    assert far[-1] < far[0] / 2, far
