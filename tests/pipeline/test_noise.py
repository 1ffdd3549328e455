"""A seed gives the noise that it gives in other tools; the numbers come from `tools/record_noise.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdq_core.models.scheduler_config import SchedulerConfig
from sdq_core.values.rng import Rng
from sdq_core.values.variants import Scheduler
from worker.pipelines.noise import make_noise
from worker.pipelines.noise_nvidia import NvidiaNoise
from worker.pipelines.noise_torch import TorchNoise
from worker.pipelines.schedulers import make_scheduler
from worker.pipelines.start import FromNoise

GOLDEN = Path(__file__).parent.parent / "golden" / "noise.npz"
#: torch's vector functions are not rounded correctly, and differ between processors: 2 bits of a number near 4.
TOLERANCE = {"torch": 5e-7, "nvidia": 1e-7}


def recorded():
    with np.load(GOLDEN) as archive:
        return {name: archive[name] for name in archive.files}


RECORDED = recorded()
CASES = [name for name in RECORDED if f"{name}_next" in RECORDED]


@pytest.mark.parametrize("case", CASES)
def test_a_generator_gives_what_its_tool_gives_one_draw_after_the_other(case):
    source, seed, written = case.split("_")
    shape = tuple(map(int, written.split("x")))
    noise = make_noise(Rng(source), int(seed))
    first, *following = (noise.normal(shape) for _ in range(3))
    assert (first.shape, first.dtype) == (shape, np.float32)
    expected, then = RECORDED[case], RECORDED[f"{case}_next"]
    every = 1 if len(expected) == first.size else 61
    for drawn, known in zip([first, *following], [expected, *then], strict=True):
        found = drawn.ravel()[:: every if drawn is first else 61]
        np.testing.assert_allclose(found, known, rtol=0, atol=TOLERANCE[source])


def test_steps_that_add_noise_go_on_where_the_latents_ended():
    """The walk that diffusers takes with one torch generator for latents and steps."""
    configuration = {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "steps_offset": 1,
    }
    for seed, expected in zip((0, 42, 2**32 - 1), RECORDED["euler_ancestral"], strict=True):
        config = SchedulerConfig(values=configuration, origin="recording")
        scheduler = make_scheduler(Scheduler.EULER_ANCESTRAL_DISCRETE, config, 8)
        noise = make_noise(Rng.TORCH, seed)
        latents = FromNoise().latents(scheduler, expected.shape, noise)
        for timestep in scheduler.timesteps:
            seen = scheduler.scale_model_input(latents)
            phase = np.float32(timestep / 100)
            wave = np.float32(0.3) * np.sin(np.float32(2) * seen + phase)
            latents = scheduler.step(np.float32(0.9) * seen + wave, latents, noise)
        assert np.abs(latents - expected).max() <= 2e-5 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("noise", "first"),
    [
        (TorchNoise(0), (-1.1258, -1.1524, -0.2506, -0.4339)),
        (TorchNoise(42), (1.9269, 1.4873, 0.9007, -2.1055)),
        (NvidiaNoise(0), (-0.92466259, -0.42534415, -2.6438457, 0.14518388)),
    ],
)
def test_the_first_numbers_are_those_that_the_tools_document(noise, first):
    np.testing.assert_allclose(noise.normal((1, 4, 8, 8)).ravel()[:4], first, atol=5e-5)


def test_torchs_noise_takes_the_last_32_bits_of_a_seed_and_nvidias_all():
    long = 7 + (5 << 32)
    np.testing.assert_array_equal(TorchNoise(long).normal((32,)), TorchNoise(7).normal((32,)))
    assert (NvidiaNoise(long).normal((32,)) != NvidiaNoise(7).normal((32,))).all()


def test_fewer_numbers_than_torch_makes_at_once_are_refused():
    with pytest.raises(ValueError, match="fewer than 16"):
        TorchNoise(0).normal((1, 4, 1, 2))
