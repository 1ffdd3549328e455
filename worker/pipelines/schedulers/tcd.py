"""TCD: to an earlier timestep than the next, and back to it by noise (trajectory consistency, arXiv:2402.19159)."""

from __future__ import annotations

import math

import numpy as np

from sdq_core.models.scheduler_config import SchedulerConfig
from worker.pipelines.noise import Noise
from worker.pipelines.schedulers.contract import Latents
from worker.pipelines.schedulers.distilled_steps import DistilledSteps


class TCDScheduler(DistilledSteps):
    """One image's walk by the paper's strategic stochastic sampling (algorithm 4).

    eta: the paper's gamma, how far beyond the next timestep a step goes, from 0 for none to 1 for the picture itself.
    With 0 no noise is drawn.
    """

    name = "TCD"

    def __init__(
        self,
        config: SchedulerConfig,
        num_inference_steps: int,
        strength: float = 1.0,
        eta: float = 0.0,
    ) -> None:
        super().__init__(config, num_inference_steps, strength)
        self._eta = eta

    def step(self, noise_pred: Latents, sample: Latents, noise: Noise) -> Latents:
        """See ImageScheduler; draws once from ``noise`` for an eta above 0, except in the last step."""
        timestep = int(self.steps[self.index])
        self.index += 1
        is_last = self.index == len(self.steps)
        following = 0 if is_last else int(self.steps[self.index])
        # In float32, as torch multiplies it: 0.7 * 130 is one timestep less in float64.
        reached = self.alpha(int(np.float32(1 - self._eta) * np.float32(following)))
        original, predicted = self._predictions(noise_pred, sample, self.alpha(timestep))
        there = math.sqrt(reached) * original + math.sqrt(1 - reached) * predicted
        if is_last or self._eta == 0:
            return there
        kept = self.alpha(following) / reached
        return math.sqrt(kept) * there + math.sqrt(1 - kept) * noise.normal(sample.shape)
