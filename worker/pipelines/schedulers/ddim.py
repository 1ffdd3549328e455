"""DDIM: denoising diffusion implicit models (Song et al., arXiv:2010.02502), deterministic (eta = 0)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sdq_core.models.scheduler_config import SchedulerConfig
from sdq_core.values.scheduler_settings import SPACINGS
from worker.pipelines.noise import Noise
from worker.pipelines.schedulers.alpha_steps import AlphaSteps, Predictions
from worker.pipelines.schedulers.betas import training_alphas
from worker.pipelines.schedulers.contract import Latents
from worker.pipelines.schedulers.spacing import check_steps, check_timesteps


class DDIMScheduler(AlphaSteps):
    """One image's walk by equation 12 of the paper, without its random term."""

    def __init__(self, config: SchedulerConfig, num_inference_steps: int, begin: int = 0) -> None:
        alphas = training_alphas(config)
        check_steps(num_inference_steps, len(alphas))
        self._stride = len(alphas) // num_inference_steps
        self._final_alpha = 1.0 if config.flag("set_alpha_to_one", True) else float(alphas[0])
        self._predictions = Predictions(config, clips=True)
        steps = _timesteps(config, num_inference_steps, len(alphas))
        check_timesteps(steps.astype(np.float32), len(alphas))
        super().__init__(alphas, steps[begin:])

    def step(self, noise_pred: Latents, sample: Latents, noise: Noise) -> Latents:  # noqa: ARG002
        """See ImageScheduler."""
        timestep = int(self.steps[self.index])
        self.index += 1
        previous = timestep - self._stride
        alpha = self.alpha(previous) if previous >= 0 else self._final_alpha
        original, predicted = self._predictions(noise_pred, sample, self.alpha(timestep))
        return math.sqrt(alpha) * original + math.sqrt(1 - alpha) * predicted


def _timesteps(config: SchedulerConfig, steps: int, trained: int) -> NDArray[np.int64]:
    spacing = config.word("timestep_spacing", "leading", SPACINGS)
    if spacing == "linspace":
        return np.asarray(np.linspace(0, trained - 1, steps).round()[::-1], np.int64)
    if spacing == "leading":
        leading = (np.arange(steps) * (trained // steps))[::-1].astype(np.int64)
        return leading + config.integer("steps_offset", 0)
    return np.asarray(np.arange(trained, 0, -trained / steps).round() - 1, np.int64)
