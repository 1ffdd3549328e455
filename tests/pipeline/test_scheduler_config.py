"""Scheduler configurations: what is read, what is corrected, what is refused."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest

from sdq_core.errors import PackageError
from sdq_core.values.variants import Scheduler
from worker.pipelines.noise import NumpyNoise
from worker.pipelines.schedulers import SchedulerConfig, make_scheduler
from worker.pipelines.schedulers.lms_discrete import lms_coefficients


def made(values, scheduler=Scheduler.DDIM, steps=4):
    return make_scheduler(scheduler, SchedulerConfig(values=values, origin="here"), steps)


def test_a_file_is_corrected_as_diffusers_pipeline_corrects_it(tmp_path):
    path = tmp_path / "scheduler_config.json"
    path.write_text(json.dumps({"steps_offset": 0, "clip_sample": True, "beta_end": 0.012}))
    config = SchedulerConfig.from_file(path).for_stable_diffusion()
    assert config.values == {"steps_offset": 1, "clip_sample": False, "beta_end": 0.012}


def test_what_a_file_does_not_state_stays_a_default(tmp_path):
    path = tmp_path / "scheduler_config.json"
    path.write_text("{}")
    assert SchedulerConfig.from_file(path).values == {}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        ("", "it is not JSON, as line 1 shows"),
        ("{\n", "it is not JSON, as line 2 shows"),
        ("[1]", "it is not a JSON object"),
        ("\xff", "it is not UTF-8"),
        ('{"steps_offset": ' + "9" * 5000 + "}", "a number in it is too large"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, says):
    path = tmp_path / "scheduler_config.json"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    with pytest.raises(PackageError, match=rf"scheduler_config\.json cannot be read \({says}"):
        SchedulerConfig.from_file(path)


@pytest.mark.parametrize(
    "name",
    [
        "FlowMatchEulerDiscreteScheduler",
        "EDMDPMSolverMultistepScheduler",
        "MyOwn",
        7,
        ["DDIMScheduler"],
    ],
)
def test_a_file_of_another_kind_of_sampler_is_refused_by_its_name(tmp_path, name):
    path = tmp_path / "scheduler_config.json"
    path.write_text(json.dumps({"_class_name": name}))
    with pytest.raises(PackageError, match="which is not supported"):
        SchedulerConfig.from_file(path)


@pytest.mark.parametrize(
    "name", ["DDPMScheduler", "UniPCMultistepScheduler", "HeunDiscreteScheduler"]
)
def test_a_file_of_a_sampler_with_the_same_settings_is_read(tmp_path, name):
    path = tmp_path / "scheduler_config.json"
    path.write_text(json.dumps({"_class_name": name, "variance_type": "fixed_small"}))
    made(SchedulerConfig.from_file(path).values)


def test_what_no_scheduler_reads_is_named_and_nothing_else():
    read = set()

    class Recording(dict):
        def get(self, key, default=None):
            read.add(key)
            return super().get(key, default)

    for scheduler in Scheduler:
        for values in ({"skip_prk_steps": True}, {"use_karras_sigmas": True}):
            with contextlib.suppress(PackageError):
                made(Recording(values), scheduler)
    of_every_class = SchedulerConfig(values=dict.fromkeys(read, 1), origin="here")
    assert not of_every_class.ignored()
    other = {"_class_name": "x", "_diffusers_version": "0.35", "solver_p": None, "predict_x0": True}
    assert SchedulerConfig(values=other, origin="here").ignored() == ["predict_x0"]


@pytest.mark.parametrize("scheduler", list(Scheduler))
@pytest.mark.parametrize(
    "setting",
    [
        {"thresholding": True},
        {"use_beta_sigmas": True},
        {"use_flow_sigmas": True},
        {"variance_type": "learned_range"},
        {"beta_schedule": "sigmoid"},
        {"timestep_spacing": "uniform"},
        {"prediction_type": "flow_prediction"},
        {"beta_start": "small"},
        {"num_train_timesteps": 0},
        {"num_train_timesteps": 10.5},
        {"trained_betas": []},
        {"trained_betas": [0.1, "x"]},
    ],
)
def test_a_setting_that_would_change_the_image_is_refused_not_ignored(scheduler, setting):
    with pytest.raises(PackageError, match="here"):
        made(setting, scheduler)


@pytest.mark.parametrize(
    "setting",
    [
        {"algorithm_type": "dpmsolver"},
        {"algorithm_type": "sde-dpmsolver", "final_sigmas_type": "sigma_min", "solver_order": 3},
        {"solver_order": 4},
        {"algorithm_type": "unipc"},
    ],
)
def test_dpm_solvers_that_do_not_exist_are_refused(setting):
    with pytest.raises(PackageError, match="here"):
        made(setting, Scheduler.DPM_SOLVER_MULTISTEP)


@pytest.mark.parametrize("steps", [0, -1, 1001])
@pytest.mark.parametrize("scheduler", list(Scheduler))
def test_impossible_step_counts_are_refused(scheduler, steps):
    with pytest.raises(PackageError, match="Use 1 to 1000 steps"):
        made({"skip_prk_steps": True}, scheduler, steps)


@pytest.mark.parametrize("scheduler", [Scheduler.DDIM, Scheduler.PNDM])
def test_an_offset_past_the_schedule_is_refused(scheduler):
    with pytest.raises(PackageError, match="Use fewer steps"):
        made({"skip_prk_steps": True, "steps_offset": 1}, scheduler, 1000)


def test_runge_kutta_needs_four_steps():
    with pytest.raises(PackageError, match="at least 4"):
        made({}, Scheduler.PNDM, 3)


def test_pndm_evaluates_once_more_than_it_has_steps():
    assert len(made({"skip_prk_steps": True}, Scheduler.PNDM, 20).timesteps) == 21


def test_only_stochastic_schedulers_draw_noise():
    drawn = set()
    for scheduler in Scheduler:
        noise = NumpyNoise(5)
        made({"skip_prk_steps": True}, scheduler).step(
            np.ones((1, 4, 2, 2), np.float32), np.ones((1, 4, 2, 2), np.float32), noise
        )
        if noise.normal((1,)) != NumpyNoise(5).normal((1,)):
            drawn.add(scheduler)
    assert drawn == {Scheduler.EULER_ANCESTRAL_DISCRETE, Scheduler.LCM}


def test_lms_coefficients_integrate_a_cubic_exactly():
    """Four derivatives of a quartic determine its cubic derivative, and so its exact increase."""
    sigmas = np.array([9.0, 10.5, 12.0, 14.6])
    quartic = np.poly1d([0.3, -2.0, 1.0, 5.0, -7.0])
    weights = lms_coefficients(sigmas, 7.25)
    increase = float(np.dot(weights, quartic.deriv()(sigmas)))
    assert increase == pytest.approx(float(quartic(7.25) - quartic(9.0)), rel=1e-12)
