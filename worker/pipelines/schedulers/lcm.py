"""LCM: the predicted picture, noised anew for the next timestep (latent consistency models, arXiv:2310.04378)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sdq_core.errors import PackageError
from sdq_core.models.scheduler_config import SchedulerConfig
from worker.pipelines.noise import Noise
from worker.pipelines.schedulers.betas import training_alphas
from worker.pipelines.schedulers.contract import Latents
from worker.pipelines.schedulers.noising import preserving_variance
from worker.pipelines.schedulers.spacing import SPACINGS, check_steps

#: What diffusers' LCM takes for settings that a file leaves out; other schedulers there take other values.
_DEFAULTS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
#: The standard deviation of the training data.
_SIGMA_DATA = 0.5


class LCMScheduler:
    """One image's walk along the timesteps that the model was distilled at."""

    init_noise_sigma = 1.0

    def __init__(self, config: SchedulerConfig, num_inference_steps: int, begin: int = 0) -> None:
        config = config.with_defaults(_DEFAULTS)
        self._alphas = training_alphas(config)
        check_steps(num_inference_steps, len(self._alphas))
        # Of no use to LCM, but a word that no scheduler knows says that the file is not understood.
        config.word("timestep_spacing", "leading", SPACINGS)
        self._scaling = config.number("timestep_scaling", 10.0)
        self._prediction_type = config.word(
            "prediction_type", "epsilon", ("epsilon", "sample", "v_prediction")
        )
        self._clip = (
            config.number("clip_sample_range", 1.0) if config.flag("clip_sample", False) else None
        )
        self._steps = _timesteps(config, num_inference_steps, len(self._alphas))[begin:]
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

    def step(self, noise_pred: Latents, sample: Latents, noise: Noise) -> Latents:
        """See ImageScheduler; draws once from ``noise``, except in the last step."""
        timestep = int(self._steps[self._index])
        self._index += 1
        alpha = float(self._alphas[timestep])
        root_alpha, root_beta = math.sqrt(alpha), math.sqrt(1 - alpha)
        if self._prediction_type == "epsilon":
            original: Latents = (sample - root_beta * noise_pred) / root_alpha
        elif self._prediction_type == "sample":
            original = noise_pred
        else:
            original = root_alpha * sample - root_beta * noise_pred
        if self._clip is not None:
            original = original.clip(-self._clip, self._clip)
        # Equation 9 of the paper: at timestep 0 the picture is the sample itself.
        scaled = timestep * self._scaling
        skip = _SIGMA_DATA**2 / (scaled**2 + _SIGMA_DATA**2)
        out = scaled / math.sqrt(scaled**2 + _SIGMA_DATA**2)
        denoised = out * original + skip * sample
        if self._index == len(self._steps):
            return denoised
        return self.add_noise(denoised, noise.normal(sample.shape), self._index)


def _timesteps(config: SchedulerConfig, steps: int, trained: int) -> NDArray[np.int64]:
    distilled = config.integer("original_inference_steps", 50)
    if not 1 <= distilled <= trained:
        raise PackageError(
            f"{config.origin}: 'original_inference_steps' is {distilled}, but must be 1 to {trained}. "
            "Use the model's own file."
        )
    if steps > distilled:
        raise PackageError(
            f"LCM knows {distilled} timesteps of this model, so it cannot take {steps} inference steps. "
            f"Use 1 to {distilled} steps; 4 to 8 are usual."
        )
    origin = (np.arange(distilled, 0, -1) * (trained // distilled) - 1).astype(np.int64)
    return origin[np.floor(np.linspace(0, distilled, steps, endpoint=False)).astype(np.int64)]
