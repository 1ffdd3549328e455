"""The VAE's encoder: pictures to the latents that they are, and the encoders that are refused."""

from __future__ import annotations

import numpy as np
import pytest
from toys import F16, HEIGHT, LATENT_HEIGHT, LATENT_WIDTH, WIDTH, ToyModel

from sdq_core.errors import BrokenImageError, PackageError
from worker.pipelines.vae import VaeEncoder

LATENTS = (1, 4, LATENT_HEIGHT, LATENT_WIDTH)
PICTURE = np.random.RandomState(5).uniform(-1, 1, (1, 3, HEIGHT, WIDTH)).astype(np.float32)
FACTOR = 0.18215


def network(log_variance, name="x"):
    """An encoder whose mean is the picture's green in blocks of 8x8, and whose variance is the same everywhere."""

    def encode(**inputs):
        green = inputs[name][:, 1:2].reshape(1, 1, LATENT_HEIGHT, 8, LATENT_WIDTH, 8)
        mean = green.mean(axis=(3, 5)).repeat(4, axis=1)
        return {"latent": np.concatenate([mean, np.full_like(mean, log_variance)], axis=1)}

    return ToyModel({name: ((1, 3, HEIGHT, WIDTH), F16)}, encode)


@pytest.mark.parametrize("name", ["x", "z"])
def test_a_picture_is_its_mean_and_noise_as_wide_as_its_variance(name):
    model = network(2.0, name)
    moments = VaeEncoder(model, LATENTS, FACTOR).encode(PICTURE)
    noise = np.random.RandomState(6).randn(*LATENTS).astype(np.float16)
    expected = model.function(**{name: PICTURE.astype(np.float16).astype(np.float32)})["latent"]
    expected = FACTOR * (expected[:, :4] + np.exp(1.0) * noise.astype(np.float32))
    sampled = moments.sample(noise)
    assert sampled.dtype == np.float32
    assert np.abs(sampled - expected).max() < 1e-6
    assert (moments.sample(0 * noise) == moments.mean).all()


@pytest.mark.parametrize(("log_variance", "deviation"), [(1000, np.exp(10)), (-1000, np.exp(-15))])
def test_the_variance_is_bounded_as_in_diffusers(log_variance, deviation):
    moments = VaeEncoder(network(log_variance), LATENTS, 1.0).encode(PICTURE)
    assert np.allclose(moments.deviation, deviation)


def test_values_that_are_not_finite_break_the_image():
    with pytest.raises(BrokenImageError, match="The VAE encoder produced NaN"):
        VaeEncoder(network(np.nan), LATENTS, FACTOR).encode(PICTURE)


def with_inputs(**shapes):
    return ToyModel({name: (shape, F16) for name, shape in shapes.items()}, lambda **_: {})


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            with_inputs(x=(1, 3, HEIGHT, WIDTH), diagonal_noise=LATENTS, noise=LATENTS),
            "made by an old converter",
        ),
        (with_inputs(x=(1, 3, WIDTH, HEIGHT)), "converted together"),
        (with_inputs(picture=(1, 3, HEIGHT, WIDTH)), "has no input 'x'"),
    ],
)
def test_encoders_that_do_not_fit_are_refused(model, message):
    with pytest.raises(PackageError, match=message):
        VaeEncoder(model, LATENTS, FACTOR)


def test_an_output_of_another_name_is_refused():
    model = network(0.0)
    inner = model.function
    model.function = lambda **inputs: {"latent_dist": inner(**inputs)["latent"]}
    with pytest.raises(PackageError, match="has the outputs latent_dist, but not 'latent'"):
        VaeEncoder(model, LATENTS, FACTOR).encode(PICTURE)
