"""Euler: algorithm 2 of Karras et al., arXiv:2206.00364, without churn and without the correction step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sdq_core.models.scheduler_config import SchedulerConfig
from worker.pipelines.noise import Noise
from worker.pipelines.schedulers.betas import training_alphas
from worker.pipelines.schedulers.contract import Latents
from worker.pipelines.schedulers.sigma_steps import SigmaSteps
from worker.pipelines.schedulers.spacing import (
    check_steps,
    descending_timesteps,
    exponential_sigmas,
    karras_sigmas,
    timesteps_of_sigmas,
    training_sigmas,
)

PREDICTION_TYPES = ("epsilon", "sample", "original_sample", "v_prediction")


class EulerDiscreteScheduler:
    """One image's walk along the tangent, from each noise level to the next."""

    def __init__(self, config: SchedulerConfig, num_inference_steps: int, begin: int = 0) -> None:
        timesteps, sigmas = _schedule(config, num_inference_steps)
        self._walk = SigmaSteps(config, timesteps, sigmas, PREDICTION_TYPES, begin)

    @property
    def timesteps(self) -> NDArray[np.float32]:
        """See ImageScheduler."""
        return self._walk.timesteps

    @property
    def init_noise_sigma(self) -> float:
        """See ImageScheduler."""
        return self._walk.init_noise_sigma

    def scale_model_input(self, sample: Latents) -> Latents:
        """See ImageScheduler."""
        return self._walk.scale_model_input(sample)

    def add_noise(self, original: Latents, noise: Latents, index: int) -> Latents:
        """See ImageScheduler."""
        return self._walk.add_noise(original, noise, index)

    def step(self, noise_pred: Latents, sample: Latents, noise: Noise) -> Latents:  # noqa: ARG002
        """See ImageScheduler."""
        walk = self._walk
        sample = sample.astype(np.float32)
        sample = sample + walk.derivative(noise_pred, sample) * (walk.next_sigma - walk.sigma)
        walk.index += 1
        return sample


def _schedule(
    config: SchedulerConfig, steps: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return timesteps [n] and sigmas [n + 1], both float32 and high to low."""
    trained = training_sigmas(training_alphas(config, almost_zero_terminal_snr=True))
    check_steps(steps, len(trained))
    logs = np.log(trained)
    timesteps = descending_timesteps(config, steps, len(trained)).astype(np.float64)
    if config.word("interpolation_type", "linear", ("linear", "log_linear")) == "linear":
        sigmas = np.interp(timesteps, np.arange(len(trained)), trained)
    else:
        sigmas = np.exp(np.linspace(float(logs[-1]), float(logs[0]), steps + 1))

    highest = config.optional_number("sigma_max") or float(sigmas[0])
    lowest = config.optional_number("sigma_min") or float(sigmas[-1])
    if config.flag("use_karras_sigmas", False):
        sigmas = karras_sigmas(highest, lowest, steps)
        timesteps = timesteps_of_sigmas(sigmas, logs)
    elif config.flag("use_exponential_sigmas", False):
        sigmas = exponential_sigmas(highest, lowest, steps)
        timesteps = timesteps_of_sigmas(sigmas, logs)

    final = config.word("final_sigmas_type", "zero", ("zero", "sigma_min"))
    last = 0.0 if final == "zero" else float(trained[0])
    rounded = np.append(sigmas, last).astype(np.float32)
    if (
        config.word("timestep_type", "discrete", ("discrete", "continuous")) == "continuous"
        and config.values.get("prediction_type") == "v_prediction"
    ):
        timesteps = 0.25 * np.log(rounded[:-1])
    return timesteps.astype(np.float32), rounded
