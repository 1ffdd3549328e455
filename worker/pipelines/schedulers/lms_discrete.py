"""LMS: linear multistep over noise levels (k-diffusion's `lms`), order 4."""

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

ORDER = 4


class LMSDiscreteScheduler:
    """One image's walk along the polynomial through the last four derivatives."""

    def __init__(self, config: SchedulerConfig, num_inference_steps: int, begin: int = 0) -> None:
        timesteps, sigmas = _schedule(config, num_inference_steps)
        self._walk = SigmaSteps(
            config, timesteps, sigmas, ("epsilon", "sample", "v_prediction"), begin
        )
        self._derivatives: list[Latents] = []

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
        self._derivatives = [walk.derivative(noise_pred, sample), *self._derivatives][:ORDER]
        recent = walk.sigmas[max(walk.index - ORDER + 1, 0) : walk.index + 1][::-1]
        weights = lms_coefficients(recent.astype(np.float64), walk.next_sigma)
        for weight, derivative in zip(weights, self._derivatives, strict=True):
            sample = sample + weight * derivative
        walk.index += 1
        return sample


def lms_coefficients(sigmas: NDArray[np.float64], next_sigma: float) -> list[float]:
    """Return the weight of each known derivative in the step to ``next_sigma``.

    sigmas: the levels at which derivatives are known, newest first. The weights are the integrals of the Lagrange
    basis polynomials from ``sigmas[0]`` to ``next_sigma``, taken exactly; diffusers integrates the same polynomials
    numerically (scipy.integrate.quad). Distances are measured from ``sigmas[0]``, so that little cancels.
    """
    nodes = sigmas - sigmas[0]
    width = next_sigma - float(sigmas[0])
    weights = []
    for index, node in enumerate(nodes):
        others = np.delete(nodes, index)
        integral = np.polyint(np.poly(others)) if len(others) else np.array([1.0, 0.0])
        weights.append(float(np.polyval(integral, width) / np.prod(node - others)))
    return weights


def _schedule(
    config: SchedulerConfig, steps: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return timesteps [n] and sigmas [n + 1], both float32 and high to low."""
    trained = training_sigmas(training_alphas(config, may_rescale=False))
    check_steps(steps, len(trained))
    logs = np.log(trained)
    timesteps = descending_timesteps(config, steps, len(trained)).astype(np.float64)
    sigmas = np.interp(timesteps, np.arange(len(trained)), trained)
    highest, lowest = float(sigmas[0]), float(sigmas[-1])
    if config.flag("use_karras_sigmas", False):
        sigmas = karras_sigmas(highest, lowest, steps)
        timesteps = timesteps_of_sigmas(sigmas, logs)
    elif config.flag("use_exponential_sigmas", False):
        highest = config.optional_number("sigma_max") or highest
        lowest = config.optional_number("sigma_min") or lowest
        sigmas = exponential_sigmas(highest, lowest, steps)
        timesteps = timesteps_of_sigmas(sigmas, logs)
    return timesteps.astype(np.float32), np.append(sigmas, 0.0).astype(np.float32)
