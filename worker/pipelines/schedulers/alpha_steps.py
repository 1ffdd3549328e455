"""The common part of the schedulers that walk along training timesteps: DDIM, LCM, PNDM, TCD.

alpha is alpha-bar: how much of the picture is left, as a variance.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sdq_core.models.scheduler_config import SchedulerConfig
from sdq_core.values.scheduler_settings import PREDICTION_TYPES
from worker.pipelines.schedulers.contract import Latents
from worker.pipelines.schedulers.noising import preserving_variance


class AlphaSteps:
    """A list of training timesteps and the image's position in it.

    alphas: of every training timestep. steps: int64, those to take, falling.
    """

    init_noise_sigma = 1.0

    def __init__(self, alphas: NDArray[np.float32], steps: NDArray[np.int64]) -> None:
        self.alphas = alphas
        self.steps = steps
        self.index = 0

    @property
    def timesteps(self) -> NDArray[np.float32]:
        """See ImageScheduler."""
        return self.steps.astype(np.float32)

    def alpha(self, timestep: int) -> float:
        """Return a training timestep's alpha."""
        return float(self.alphas[timestep])

    def scale_model_input(self, sample: Latents) -> Latents:
        """See ImageScheduler."""
        return sample

    def add_noise(self, original: Latents, noise: Latents, index: int) -> Latents:
        """See ImageScheduler."""
        return preserving_variance(original, noise, self.alpha(self.steps[index]))


class Predictions:
    """What a U-Net's output says about the picture and its noise, whatever it was trained to predict.

    clips: whether a file that does not say clips the picture.
    """

    def __init__(self, config: SchedulerConfig, *, clips: bool) -> None:
        self._type = config.word("prediction_type", "epsilon", PREDICTION_TYPES)
        self._clip = (
            config.number("clip_sample_range", 1.0) if config.flag("clip_sample", clips) else None
        )

    def __call__(
        self, noise_pred: Latents, sample: Latents, alpha: float
    ) -> tuple[Latents, Latents]:
        """Return the papers' predicted x_0 and epsilon_theta of a sample at ``alpha``."""
        root_alpha, root_beta = math.sqrt(alpha), math.sqrt(1 - alpha)
        if self._type == "epsilon":
            original: Latents = (sample - root_beta * noise_pred) / root_alpha
            noise = noise_pred
        elif self._type == "sample":
            original = noise_pred
            noise = (sample - root_alpha * original) / root_beta
        else:
            original = root_alpha * sample - root_beta * noise_pred
            noise = root_alpha * noise_pred + root_beta * sample
        if self._clip is not None:
            original = original.clip(-self._clip, self._clip)
        return original, noise
