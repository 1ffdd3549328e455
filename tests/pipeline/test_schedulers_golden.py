"""The schedulers give what diffusers gives; the numbers come from `tools/record_schedulers.py`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sdq_core.values.variants import Scheduler
from worker.pipelines.noise import NumpyNoise
from worker.pipelines.schedulers import SchedulerConfig, make_scheduler

GOLDEN = Path(__file__).parent.parent / "golden" / "schedulers.npz"
SHAPE = (1, 4, 2, 2)
SEED = 93

#: Part of the largest number by which samples may differ from diffusers': float32's own rounding over 50 steps.
TOLERANCE = 1e-5
#: With zero terminal SNR the walk starts at sigma 4096, where one float32 digit is 2e-4 of a result of size 1.
TOLERANCE_FROM_SIGMA_4096 = 1e-3


def toy_noise(sample, timestep):
    """The recording's stand-in for the U-Net."""
    sample = sample.astype(np.float32)
    phase = np.float32(timestep / 100)
    return np.float32(0.9) * sample + np.float32(0.3) * np.sin(np.float32(2) * sample + phase)


def kept(count):
    return sorted({0, 1, 2, count // 2, count - 1} & set(range(count)))


def recorded():
    with np.load(GOLDEN) as archive:
        cases = json.loads(str(archive["cases"]))
        timesteps, samples, sigmas = archive["timesteps"], archive["samples"], archive["sigmas"]
    first_timestep = first_sample = 0
    for case, sigma in zip(cases, sigmas, strict=True):
        count = case["timesteps"]
        yield (
            case,
            timesteps[first_timestep : first_timestep + count],
            samples[first_sample : first_sample + len(kept(count))],
            float(sigma),
        )
        first_timestep += count
        first_sample += len(kept(count))


CASES = list(recorded())


def walk(case):
    config = SchedulerConfig(values=case["config"], origin="recording")
    if case["corrected"]:
        config = config.for_stable_diffusion()
    scheduler = make_scheduler(Scheduler(case["scheduler"]), config, case["steps"], eta=case["eta"])
    noise = NumpyNoise(SEED)
    latents = noise.normal(SHAPE, np.float16)
    if scheduler.init_noise_sigma != 1.0:
        latents = latents.astype(np.float32) * np.float32(scheduler.init_noise_sigma)
    samples = []
    for timestep in scheduler.timesteps:
        noise_pred = toy_noise(scheduler.scale_model_input(latents), float(timestep))
        latents = scheduler.step(noise_pred, latents, noise)
        assert latents.dtype == np.float32
        samples.append(latents.ravel())
    return scheduler, samples


def relative_difference(samples, expected):
    """Largest absolute difference after any step, as a part of the largest number there."""
    return max(
        float(np.abs(ours - theirs).max() / np.abs(theirs).max())
        for ours, theirs in zip(samples, expected, strict=True)
    )


@pytest.mark.parametrize("scheduler", list(Scheduler))
def test_samples_and_timesteps_agree_with_diffusers(scheduler):
    mine = [case for case in CASES if case[0]["scheduler"] == scheduler]
    assert len(mine) >= 24
    failures = []
    for case, timesteps, expected, sigma in mine:
        made, samples = walk(case)
        name = f"{case['label']}, {case['steps']} steps, eta {case['eta']}"
        if not np.allclose(made.timesteps, timesteps, rtol=0, atol=2e-3):
            failures.append(f"{name}: timesteps {made.timesteps[:5]} for {timesteps[:5]}")
            continue
        if abs(made.init_noise_sigma - sigma) > 1e-6 * sigma:
            failures.append(f"{name}: init_noise_sigma {made.init_noise_sigma} for {sigma}")
        difference = relative_difference([samples[i] for i in kept(len(samples))], expected)
        from_4096 = made.init_noise_sigma > 1000
        if not difference < (TOLERANCE_FROM_SIGMA_4096 if from_4096 else TOLERANCE):
            failures.append(f"{name}: {difference:.1e}")
    assert not failures, "\n".join(failures)
