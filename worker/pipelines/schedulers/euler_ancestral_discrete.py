"""Euler ancestral: a Euler step to below the next noise level, then fresh noise up to it (k-diffusion)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sdq_core.models.scheduler_config import SchedulerConfig
from worker.pipelines.schedulers.betas import training_alphas
from worker.pipelines.schedulers.contract import Latents, draw_noise
from worker.pipelines.schedulers.sigma_steps import SigmaSteps
from worker.pipelines.schedulers.spacing import (
    check_steps,
    descending_timesteps,
    training_sigmas,
)


class EulerAncestralDiscreteScheduler:
    """One image's walk with new noise at every step except the last.

    diffusers and Apple's pipeline draw that noise from torch's generator. Here it is drawn from the generator of the
    latents (`contract.draw_noise`), so a seed gives the same image on every machine, but not the image of Apple's
    command line, which cannot be reproduced without torch.
    """

    def __init__(self, config: SchedulerConfig, num_inference_steps: int) -> None:
        trained = training_sigmas(training_alphas(config, almost_zero_terminal_snr=True))
        check_steps(num_inference_steps, len(trained))
        timesteps = descending_timesteps(config, num_inference_steps, len(trained))
        sigmas = np.interp(timesteps, np.arange(len(trained)), trained)
        self._walk = SigmaSteps(
            config,
            timesteps,
            np.append(sigmas, 0.0).astype(np.float32),
            ("epsilon", "v_prediction"),
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

    def step(self, noise_pred: Latents, sample: Latents, rng: np.random.RandomState) -> Latents:
        """See ImageScheduler; draws once from ``rng``, in the last step too, where its weight is 0."""
        walk = self._walk
        sample = sample.astype(np.float32)
        start, end = walk.sigma, walk.next_sigma
        up = math.sqrt(end**2 * (start**2 - end**2) / start**2)
        # Rounding can push the radicand just below zero where start and end are far apart.
        down = math.sqrt(max(end**2 - up**2, 0.0))
        sample = sample + walk.derivative(noise_pred, sample) * (down - start)
        walk.index += 1
        return sample + draw_noise(sample, rng) * up
