"""The common part of the schedulers that walk down noise levels (sigmas): Euler, Euler ancestral, LMS."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sdq_core.models.scheduler_config import SchedulerConfig
from worker.pipelines.schedulers.contract import Latents
from worker.pipelines.schedulers.noising import exploding_variance
from worker.pipelines.schedulers.spacing import init_noise_sigma


class SigmaSteps:
    """A list of noise levels, the image's position in it, and the change of variables of Karras et al.

    arXiv:2206.00364, equation 7: the U-Net sees sample / sqrt(sigma^2 + 1). The last noise level is the end of the last
    step, so there is one level more than timesteps. begin: the first step to take.
    """

    def __init__(
        self,
        config: SchedulerConfig,
        timesteps: NDArray[np.float32],
        sigmas: NDArray[np.float32],
        prediction_types: tuple[str, ...],
        begin: int,
    ) -> None:
        self.timesteps = timesteps[begin:]
        self.sigmas = sigmas[begin:]
        self.init_noise_sigma = init_noise_sigma(config, sigmas)
        self._prediction_type = config.word("prediction_type", "epsilon", prediction_types)
        self.index = 0

    @property
    def sigma(self) -> float:
        """The sample's current noise level."""
        return float(self.sigmas[self.index])

    @property
    def next_sigma(self) -> float:
        """The sample's noise level after this step."""
        return float(self.sigmas[self.index + 1])

    def scale_model_input(self, sample: Latents) -> Latents:
        """Return the U-Net's input for ``sample``."""
        return sample / math.sqrt(self.sigma**2 + 1)

    def add_noise(self, original: Latents, noise: Latents, index: int) -> Latents:
        """See ImageScheduler."""
        return exploding_variance(original, noise, float(self.sigmas[index]))

    def derivative(self, noise_pred: Latents, sample: Latents) -> Latents:
        """Return d sample / d sigma at this step (Karras et al., equation 1 for s = 1, sigma = t)."""
        sigma = self.sigma
        if self._prediction_type == "epsilon":
            original = sample - sigma * noise_pred
        elif self._prediction_type == "v_prediction":
            original = noise_pred * (-sigma / math.sqrt(sigma**2 + 1)) + sample / (sigma**2 + 1)
        else:
            original = noise_pred
        return (sample - original) / sigma
