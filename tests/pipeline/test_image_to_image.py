"""Image to image and masks: the first latents of every scheduler, the order of draws, and pictures that are gone."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from PIL import Image
from test_builtin import quiet, request
from toys import (
    F16,
    GOLDEN,
    HEIGHT,
    LATENT_HEIGHT,
    LATENT_WIDTH,
    WIDTH,
    ToyModel,
    ToyRuntime,
    parts,
    variant_folder,
)

from sdq_core.errors import PackageError, PictureError
from sdq_core.values.conditions import Conditions
from sdq_core.values.part_units import PartUnits
from sdq_core.values.steps import DISTILLED
from sdq_core.values.variants import ComputeUnit, Scheduler
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.pictures import as_latent_mask, as_model_input

FACTOR = 0.18215
SHAPE = (1, 4, LATENT_HEIGHT, LATENT_WIDTH)


def encoder():
    """An encoder whose mean is the picture's green in blocks of 8x8, times 5, and whose deviation is 1."""

    def encode(x):
        green = x[:, 1:2].reshape(1, 1, LATENT_HEIGHT, 8, LATENT_WIDTH, 8)
        mean = 5 * green.mean(axis=(3, 5)).repeat(4, axis=1)
        return {"latent": np.concatenate([mean, np.zeros_like(mean)], axis=1)}

    return ToyModel({"x": ((1, 3, HEIGHT, WIDTH), F16)}, encode)


def keep(root, image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    path = root / "inputs" / sha256[:2] / f"{sha256}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    return sha256


@pytest.fixture
def models():
    return {**parts(), "vae_encoder": encoder()}


@pytest.fixture
def pipeline(tmp_path, models):
    return BuiltinPipeline.load(
        variant_folder(tmp_path / "model", models),
        ToyRuntime(models),
        PartUnits.all_on(ComputeUnit.ALL),
        inputs=tmp_path / "inputs",
    )


@pytest.fixture
def picture(tmp_path):
    """Left half black, right half green."""
    image = Image.new("RGB", (WIDTH, HEIGHT))
    image.paste((0, 255, 0), (WIDTH // 2, 0, WIDTH, HEIGHT))
    return keep(tmp_path, image)


def green_of(image):
    return np.where(np.arange(LATENT_WIDTH) < LATENT_WIDTH // 2, -5.0, 5.0)


#: At the step that they begin at, of 10 with strength 0.5: what the picture and the noise are multiplied by.
def levels(scheduler, timestep):
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    alpha = np.cumprod(1 - betas)[int(timestep)]
    if scheduler in {
        Scheduler.EULER_DISCRETE,
        Scheduler.EULER_ANCESTRAL_DISCRETE,
        Scheduler.LMS_DISCRETE,
    }:
        sigma = np.sqrt((1 - alpha) / alpha)
        return 1 / np.sqrt(sigma**2 + 1), sigma / np.sqrt(sigma**2 + 1)  # as the U-Net sees it
    return np.sqrt(alpha), np.sqrt(1 - alpha)


@pytest.mark.parametrize("scheduler", list(Scheduler))
def test_denoising_begins_later_with_the_noise_of_text_to_image_on_the_picture(
    pipeline, models, picture, scheduler
):
    seen = []
    inner = models["unet"].function
    models["unet"].function = lambda **inputs: seen.append(inputs) or inner(**inputs)
    conditions = Conditions(init_image=picture, strength=0.5)
    drawn = pipeline.draw(
        request(scheduler=scheduler, num_inference_steps=10, conditions=conditions), quiet
    )
    state = np.random.RandomState(93)
    first = state.randn(*SHAPE).astype(np.float16)  # as text to image draws it
    second = state.randn(*SHAPE)
    original = FACTOR * (green_of(picture) + second)
    timestep = float(seen[0]["timestep"][0])
    kept, noised = levels(scheduler, timestep)
    assert 300 < timestep < 600
    assert np.abs(seen[0]["sample"][0] - (kept * original + noised * first)[0]).max() < 5e-3
    # PNDM's warm-up takes one more; LCM and TCD take all from there.
    taken = {Scheduler.PNDM: 6, **dict.fromkeys(DISTILLED, 10)}
    assert drawn.num_unet_calls == taken.get(scheduler, 5)


def test_all_of_the_strength_noises_the_picture_at_the_first_step(pipeline, picture):
    full = pipeline.draw(request(conditions=Conditions(init_image=picture, strength=1.0)), quiet)
    assert full.num_unet_calls == 4
    assert full.pixels.tobytes() != pipeline.draw(request(), quiet).pixels.tobytes()


@pytest.mark.parametrize("scheduler", list(Scheduler))
def test_where_the_mask_is_black_the_picture_stays(pipeline, models, tmp_path, picture, scheduler):
    image = Image.new("L", (WIDTH, HEIGHT))
    image.paste(255, (WIDTH // 2, 0, WIDTH, HEIGHT))
    decoded = []
    inner = models["vae_decoder"].function
    models["vae_decoder"].function = lambda **inputs: decoded.append(inputs["z"]) or inner(**inputs)
    conditions = Conditions(init_image=picture, strength=0.8, mask=keep(tmp_path, image))
    pipeline.draw(request(scheduler=scheduler, conditions=conditions), quiet)
    pipeline.draw(
        request(scheduler=scheduler, conditions=Conditions(init_image=picture, strength=0.8)), quiet
    )
    state = np.random.RandomState(93)
    state.randn(*SHAPE)
    original = green_of(picture) + state.randn(*SHAPE)
    stays = np.s_[..., : LATENT_WIDTH // 2]
    assert np.abs(decoded[0][stays] - original[stays]).max() < 1e-2
    assert np.abs(decoded[1][stays] - original[stays]).max() > 0.1
    assert np.abs(decoded[0] - original)[..., LATENT_WIDTH // 2 :].max() > 0.1


def test_a_picture_is_encoded_once(pipeline, models, picture):
    calls = []
    inner = models["vae_encoder"].function
    models["vae_encoder"].function = lambda **inputs: calls.append(1) or inner(**inputs)
    for seed in (1, 2):
        for strength in (0.5, 0.9):
            pipeline.draw(
                request(seed=seed, conditions=Conditions(init_image=picture, strength=strength)),
                quiet,
            )
    assert len(calls) == 1


def test_a_picture_that_is_gone_or_changed_fails_its_image_with_a_sentence(
    pipeline, tmp_path, picture
):
    with pytest.raises(PictureError, match="sha256 000000000000 is not in"):
        pipeline.draw(request(conditions=Conditions(init_image="0" * 64, strength=0.5)), quiet)
    next((tmp_path / "inputs").glob("*/*")).write_bytes(b"another")
    with pytest.raises(PictureError, match="was changed since it was submitted"):
        pipeline.draw(request(conditions=Conditions(init_image=picture, strength=0.5)), quiet)
    pipeline.draw(request(), quiet)


def test_a_model_without_an_encoder_says_so(tmp_path, picture):
    models = parts()
    pipeline = BuiltinPipeline.load(
        variant_folder(tmp_path / "model", models), ToyRuntime(models),
        PartUnits.all_on(ComputeUnit.ALL), inputs=tmp_path / "inputs",
    )  # fmt: skip
    with pytest.raises(PackageError, match="has no VAE encoder"):
        pipeline.draw(request(conditions=Conditions(init_image=picture, strength=0.5)), quiet)


def test_pictures_are_stretched_and_masks_are_halved_as_diffusers_does():
    picture = Image.new("RGB", (10, 30), (0, 51, 255))
    array = as_model_input(picture, (16, 8))
    assert array.shape == (1, 3, 8, 16)
    assert np.allclose(array[0, :, 0, 0], [-1, -0.6, 1])
    mask = Image.new("L", (16, 8), 127)
    mask.paste(128, (8, 0, 16, 8))
    assert as_latent_mask(mask, (16, 8)).tolist() == [[[[0.0, 1.0]]]]


@pytest.mark.parametrize("name", ["larger", "smaller", "equal"])
def test_pictures_and_masks_are_prepared_as_diffusers_does(name):
    with np.load(GOLDEN / "pictures.npz") as file:
        golden = {key: file[key] for key in file if key.startswith(name)}
    picture = Image.fromarray(golden[f"{name}_picture"])
    found = as_model_input(picture, (64, 48))
    assert np.abs(found - golden[f"{name}_prepared"].astype(np.float32)).max() < 1e-3
    mask = as_latent_mask(Image.fromarray(golden[f"{name}_mask"]), (64, 48))
    assert (mask == golden[f"{name}_latent_mask"]).all()
    assert 0 < mask.mean() < 1
