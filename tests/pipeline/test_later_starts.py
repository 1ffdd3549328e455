"""Schedulers that begin at a later step, as image to image does; recorded by `tools/record_schedulers.py`.

diffusers continues wrongly from there with PNDM and LMS, so these are held against what they solve exactly.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_schedulers_golden import SEED, SHAPE, TOLERANCE, relative_difference, toy_noise

from sdq_core.errors import PackageError
from sdq_core.values.steps import DISTILLED
from sdq_core.values.variants import Scheduler
from worker.pipelines.noise import NumpyNoise
from worker.pipelines.schedulers import SchedulerConfig, make_scheduler

GOLDEN = Path(__file__).parent.parent / "golden" / "later_starts.npz"
ORIGINAL = np.random.RandomState(7).randn(*SHAPE).astype(np.float32)
CONFIG = {
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "clip_sample": False,
}


def recorded():
    with np.load(GOLDEN) as archive:
        cases = json.loads(str(archive["cases"]))
        timesteps, samples = archive["timesteps"], archive["samples"]
    for case in cases:
        yield case, timesteps[: case["timesteps"]], samples[: case["samples"]]
        timesteps, samples = timesteps[case["timesteps"] :], samples[case["samples"] :]


CASES = list(recorded())
#: What adds noise, or takes all of the steps.
OTHERS = (Scheduler.EULER_ANCESTRAL_DISCRETE, *DISTILLED)


def made(scheduler, steps, begin, **config):
    config = SchedulerConfig(values={**CONFIG, **config}, origin="test")
    return make_scheduler(scheduler, config, steps, strength=(steps - begin) / steps)


@pytest.mark.parametrize("scheduler", list(Scheduler))
def test_they_begin_and_go_on_as_in_diffusers(scheduler):
    mine = [case for case in CASES if case[0]["scheduler"] == scheduler]
    assert len(mine) >= 8
    for case, timesteps, expected in mine:
        config = SchedulerConfig(values=case["config"], origin="recording")
        if case["corrected"]:
            config = config.for_stable_diffusion()
        walk = make_scheduler(
            scheduler, config, case["steps"], strength=case["strength"], eta=case["eta"]
        )
        noise = NumpyNoise(SEED)
        latents = walk.add_noise(ORIGINAL, noise.normal(SHAPE, np.float16), 0)
        samples = [latents.ravel()]
        name = f"{case['label']}, {case['steps']} steps of {case['strength']}, eta {case['eta']}"
        for timestep in walk.timesteps[: len(expected) - 1]:
            noise_pred = toy_noise(walk.scale_model_input(latents), float(timestep))
            latents = walk.step(noise_pred, latents, noise)
            samples.append(latents.ravel())
        assert relative_difference(samples, expected) < TOLERANCE, name
        # diffusers' PNDM has no second evaluation here
        assert np.allclose(sorted(set(walk.timesteps)), sorted(set(timesteps)), atol=2e-3), name


@pytest.mark.parametrize(("steps", "begin"), [(20, 0), (20, 1), (20, 13), (20, 19), (4, 2)])
@pytest.mark.parametrize("scheduler", [word for word in Scheduler if word not in OTHERS])
def test_noise_that_is_known_is_taken_away_exactly(scheduler, steps, begin):
    """With the true noise predicted at every step, the way back is the way that noise was added."""
    drawn = np.random.RandomState(SEED).randn(*SHAPE).astype(np.float32)
    walk = made(scheduler, steps, begin)
    latents = walk.add_noise(ORIGINAL, drawn, 0)
    count = len(walk.timesteps)
    for index in range(count):
        latents = walk.step(drawn, latents, NumpyNoise(SEED))
        if index + 1 < count:
            expected = walk.add_noise(ORIGINAL, drawn, index + 1)
            assert np.abs(latents - expected).max() < 1e-4, index
    # DDIM and PNDM end at the noise of the first training timestep, Euler and LMS without any.
    assert np.abs(latents - ORIGINAL).max() < 0.15


@pytest.mark.parametrize("scheduler", sorted(DISTILLED))
def test_those_of_few_steps_take_all_of_them_from_timesteps_that_the_strength_says(scheduler):
    config = SchedulerConfig(values=CONFIG, origin="test")

    def timesteps(steps, strength):
        return make_scheduler(scheduler, config, steps, strength=strength).timesteps.tolist()

    assert timesteps(4, 1.0) == [999, 759, 499, 259]
    assert timesteps(4, 0.5) == [499, 379, 259, 139]
    assert timesteps(4, 0.08) == [79, 59, 39, 19]
    with pytest.raises(PackageError, match="knows 3 timesteps of this model in strength 0"):
        timesteps(4, 0.06)


def test_tcd_takes_known_noise_away_exactly_and_adds_as_much_as_it_is_told():
    drawn = np.random.RandomState(SEED).randn(*SHAPE).astype(np.float32)
    config = SchedulerConfig(values=CONFIG, origin="test")
    for eta in (0.0, 0.4, 1.0):
        walk = make_scheduler(Scheduler.TCD, config, 4, strength=0.5, eta=eta)
        latents = walk.step(drawn, walk.add_noise(ORIGINAL, drawn, 0), NumpyNoise(5))
        alphas = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
        # Of the noise that is left, the part that is told is new; the variance is that of the next timestep.
        then, reached = alphas[379], alphas[int((1 - eta) * 379)]
        new = np.sqrt(1 - then / reached) * NumpyNoise(5).normal(SHAPE)
        old = np.sqrt(then * (1 - reached) / reached) * drawn
        expected = np.sqrt(then) * ORIGINAL + old + new
        assert np.abs(latents - expected).max() < 1e-4, eta
        if eta == 0:
            assert np.abs(latents - walk.add_noise(ORIGINAL, drawn, 1)).max() < 1e-4


def test_pndm_takes_its_second_step_twice_wherever_it_begins():
    whole, later = made(Scheduler.PNDM, 10, 0), made(Scheduler.PNDM, 10, 6)
    assert whole.timesteps[:4].tolist() == [901, 801, 801, 701]
    assert later.timesteps.tolist() == [301, 201, 201, 101, 1]
    assert made(Scheduler.PNDM, 10, 9).timesteps.tolist() == [1]


def test_pndm_refuses_a_runge_kutta_start_with_too_few_steps_left():
    with pytest.raises(PackageError, match="needs at least 4 inference steps, not 3"):
        made(Scheduler.PNDM, 10, 7, skip_prk_steps=False)
    assert len(made(Scheduler.PNDM, 10, 6, skip_prk_steps=False).timesteps) == 13


def test_lms_weighs_the_derivatives_that_it_has():
    """A derivative that changes evenly is followed exactly from the second step on."""
    walk = made(Scheduler.LMS_DISCRETE, 20, 12)
    sigmas = walk._walk.sigmas.astype(np.float64)
    latents = np.full(SHAPE, 2.0, np.float32)
    for index in range(len(walk.timesteps)):
        before = latents
        latents = walk.step(np.full(SHAPE, sigmas[index], np.float32), latents, NumpyNoise(SEED))
        if index:
            gained = (sigmas[index + 1] ** 2 - sigmas[index] ** 2) / 2
            assert np.abs(latents - before - gained).max() < 1e-5
