"""Euler ancestral: a Euler step to below the next noise level, then fresh noise up to it (k-diffusion)."""

from __future__ import annotations

import math

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
    training_sigmas,
)


class EulerAncestralDiscreteScheduler:
    """One image's walk with new noise at every step except the last.

    diffusers and Apple's pipeline draw that noise from torch's generator. Here it is the image's own
    (`schedulers.contract`), so a seed gives the same image on every machine, but not that of Apple's command line.
    """

    def __init__(self, config: SchedulerConfig, num_inference_steps: int, begin: int = 0) -> None:
        trained = training_sigmas(training_alphas(config, almost_zero_terminal_snr=True))
        check_steps(num_inference_steps, len(trained))
        timesteps = descending_timesteps(config, num_inference_steps, len(trained))
        sigmas = np.interp(timesteps, np.arange(len(trained)), trained)
        self._walk = SigmaSteps(
            config,
            timesteps,
            np.append(sigmas, 0.0).astype(np.float32),
            ("epsilon", "v_prediction"),
            begin,
        )

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

    def step(self, noise_pred: Latents, sample: Latents, noise: Noise) -> Latents:
        """See ImageScheduler; draws once from ``noise``, in the last step too, where its weight is 0."""
        walk = self._walk
        sample = sample.astype(np.float32)
        start, end = walk.sigma, walk.next_sigma
        up = math.sqrt(end**2 * (start**2 - end**2) / start**2)
        # Rounding can push the radicand just below zero where start and end are far apart.
        down = math.sqrt(max(end**2 - up**2, 0.0))
        sample = sample + walk.derivative(noise_pred, sample) * (down - start)
        walk.index += 1
        return sample + noise.normal(sample.shape) * up
