"""DDIM: denoising diffusion implicit models (Song et al., arXiv:2010.02502), deterministic (eta = 0)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sdq_core.models.scheduler_config import SchedulerConfig
from worker.pipelines.noise import Noise
from worker.pipelines.schedulers.betas import training_alphas
from worker.pipelines.schedulers.contract import Latents
from worker.pipelines.schedulers.noising import preserving_variance
from worker.pipelines.schedulers.spacing import SPACINGS, check_steps, check_timesteps


class DDIMScheduler:
    """One image's walk by equation 12 of the paper, without its random term."""

    init_noise_sigma = 1.0

    def __init__(self, config: SchedulerConfig, num_inference_steps: int, begin: int = 0) -> None:
        alphas = training_alphas(config)
        check_steps(num_inference_steps, len(alphas))
        self._alphas = alphas
        self._stride = len(alphas) // num_inference_steps
        self._final_alpha = 1.0 if config.flag("set_alpha_to_one", True) else float(alphas[0])
        self._prediction_type = config.word(
            "prediction_type", "epsilon", ("epsilon", "sample", "v_prediction")
        )
        self._clip = (
            config.number("clip_sample_range", 1.0) if config.flag("clip_sample", True) else None
        )
        steps = _timesteps(config, num_inference_steps, len(alphas))
        check_timesteps(steps.astype(np.float32), len(alphas))
        self._steps = steps[begin:]
        self._index = 0

    @property
    def timesteps(self) -> NDArray[np.float32]:
        """See ImageScheduler."""
        return self._steps.astype(np.float32)

    def scale_model_input(self, sample: Latents) -> Latents:
        """See ImageScheduler."""
        return sample

    def add_noise(self, original: Latents, noise: Latents, index: int) -> Latents:
        """See ImageScheduler."""
        return preserving_variance(original, noise, float(self._alphas[self._steps[index]]))

    def step(self, noise_pred: Latents, sample: Latents, noise: Noise) -> Latents:  # noqa: ARG002
        """See ImageScheduler."""
        timestep = int(self._steps[self._index])
        self._index += 1
        previous = timestep - self._stride
        alpha = float(self._alphas[timestep])
        alpha_previous = float(self._alphas[previous]) if previous >= 0 else self._final_alpha
        root_alpha, root_beta = math.sqrt(alpha), math.sqrt(1 - alpha)

        # original: the paper's "predicted x_0"; predicted: its epsilon_theta.
        if self._prediction_type == "epsilon":
            original: Latents = (sample - root_beta * noise_pred) / root_alpha
            predicted = noise_pred
        elif self._prediction_type == "sample":
            original = noise_pred
            predicted = (sample - root_alpha * original) / root_beta
        else:
            original = root_alpha * sample - root_beta * noise_pred
            predicted = root_alpha * noise_pred + root_beta * sample
        if self._clip is not None:
            original = original.clip(-self._clip, self._clip)
        return math.sqrt(alpha_previous) * original + math.sqrt(1 - alpha_previous) * predicted


def _timesteps(config: SchedulerConfig, steps: int, trained: int) -> NDArray[np.int64]:
    spacing = config.word("timestep_spacing", "leading", SPACINGS)
    if spacing == "linspace":
        return np.asarray(np.linspace(0, trained - 1, steps).round()[::-1], np.int64)
    if spacing == "leading":
        leading = (np.arange(steps) * (trained // steps))[::-1].astype(np.int64)
        return leading + config.integer("steps_offset", 0)
    return np.asarray(np.arange(trained, 0, -trained / steps).round() - 1, np.int64)
