"""LCM: the predicted picture, noised anew for the next timestep (latent consistency models, arXiv:2310.04378)."""

from __future__ import annotations

import math

from worker.pipelines.noise import Noise
from worker.pipelines.schedulers.contract import Latents
from worker.pipelines.schedulers.distilled_steps import DistilledSteps

#: The standard deviation of the training data.
_SIGMA_DATA = 0.5


class LCMScheduler(DistilledSteps):
    """One image's walk along the timesteps that the model was distilled at."""

    name = "LCM"

    def step(self, noise_pred: Latents, sample: Latents, noise: Noise) -> Latents:
        """See ImageScheduler; draws once from ``noise``, except in the last step."""
        timestep = int(self.steps[self.index])
        self.index += 1
        original, _ = self._predictions(noise_pred, sample, self.alpha(timestep))
        # Equation 9 of the paper: at timestep 0 the picture is the sample itself.
        scaled = timestep * self._scaling
        skip = _SIGMA_DATA**2 / (scaled**2 + _SIGMA_DATA**2)
        out = scaled / math.sqrt(scaled**2 + _SIGMA_DATA**2)
        denoised = out * original + skip * sample
        if self.index == len(self.steps):
            return denoised
        return self.add_noise(denoised, noise.normal(sample.shape), self.index)
