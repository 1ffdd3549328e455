"""What the schedulers share that walk down noise levels (sigmas): Euler, Euler ancestral, LMS."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from worker.pipelines.schedulers.config import SchedulerConfig
from worker.pipelines.schedulers.contract import Latents
from worker.pipelines.schedulers.spacing import init_noise_sigma


class SigmaSteps:
    """A list of noise levels, where on it the image is, and the change of variables of Karras et al.

    arXiv:2206.00364, equation 7: the U-Net sees sample / sqrt(sigma^2 + 1). The last noise level is where the last
    step ends, so there is one more of them than timesteps.
    """

    def __init__(
        self,
        config: SchedulerConfig,
        timesteps: NDArray[np.float32],
        sigmas: NDArray[np.float32],
        prediction_types: tuple[str, ...],
    ) -> None:
        self.timesteps = timesteps
        self.sigmas = sigmas
        self.init_noise_sigma = init_noise_sigma(config, sigmas)
        self._prediction_type = config.word("prediction_type", "epsilon", prediction_types)
        self.index = 0

    @property
    def sigma(self) -> float:
        """The noise level that the sample has now."""
        return float(self.sigmas[self.index])

    @property
    def next_sigma(self) -> float:
        """The noise level that the sample is to have after this step."""
        return float(self.sigmas[self.index + 1])

    def scale_model_input(self, sample: Latents) -> Latents:
        """Return what the U-Net is to see of ``sample``."""
        return sample / math.sqrt(self.sigma**2 + 1)

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
