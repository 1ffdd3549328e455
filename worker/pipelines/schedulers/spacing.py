"""Which training timesteps the inference steps visit, and the noise levels between them.

Spacings: table 2 of "Common Diffusion Noise Schedules and Sample Steps are Flawed" (Lin et al., arXiv:2305.08891).
Sigma is the noise level of a variance-exploding process, sqrt((1 - alpha-bar) / alpha-bar).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdq_core.errors import StepsError
from sdq_core.models.scheduler_config import SchedulerConfig
from sdq_core.values.scheduler_settings import SPACINGS

Floats = NDArray[np.floating[Any]]


def check_steps(num_inference_steps: int, num_train_timesteps: int) -> None:
    """Raise StepsError unless 1 <= num_inference_steps <= num_train_timesteps."""
    if not 1 <= num_inference_steps <= num_train_timesteps:
        raise StepsError(
            f"This model was trained with {num_train_timesteps} timesteps, so it cannot take "
            f"{num_inference_steps} inference steps. Use 1 to {num_train_timesteps} steps."
        )


def check_timesteps(timesteps: Floats, num_train_timesteps: int) -> None:
    """Raise StepsError if ``steps_offset`` pushes a timestep past the training schedule."""
    if timesteps.size and timesteps.max() >= num_train_timesteps:
        raise StepsError(
            f"{len(timesteps)} steps reach timestep {int(timesteps.max())}, past the "
            f"{num_train_timesteps} that this model was trained with. Use fewer steps."
        )


def descending_timesteps(
    config: SchedulerConfig, num_inference_steps: int, num_train_timesteps: int
) -> NDArray[np.float32]:
    """Return the timesteps of the sigma-based schedulers, high to low: float32 [num_inference_steps]."""
    spacing = config.word("timestep_spacing", "linspace", SPACINGS)
    if spacing == "linspace":
        steps = np.linspace(0, num_train_timesteps - 1, num_inference_steps, dtype=np.float32)
        return np.asarray(steps[::-1], np.float32)
    if spacing == "leading":
        ratio = num_train_timesteps // num_inference_steps
        steps = (np.arange(num_inference_steps) * ratio)[::-1].astype(np.float32)
        return np.asarray(steps + config.integer("steps_offset", 0), np.float32)
    # diffusers takes as many as arange returns: rounding may add one, and images must agree.
    ratio_exact = num_train_timesteps / num_inference_steps
    steps = np.arange(num_train_timesteps, 0, -ratio_exact).round().astype(np.float32)
    return np.asarray(steps - 1, np.float32)


def init_noise_sigma(config: SchedulerConfig, sigmas: Floats) -> float:
    """Return the scale of the first latents for the sigma-based schedulers, rounded to float32."""
    largest = float(sigmas.max())
    if config.word("timestep_spacing", "linspace", SPACINGS) in ("linspace", "trailing"):
        return largest
    return float(np.float32(math.sqrt(largest**2 + 1)))


def training_sigmas(alphas: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return sigma for each training timestep, rising: float32 like ``alphas``."""
    return np.asarray(np.sqrt((np.float32(1) - alphas) / alphas), np.float32)


def karras_sigmas(sigma_max: float, sigma_min: float, count: int) -> NDArray[np.float64]:
    """Return ``count`` noise levels, high to low (Karras et al., arXiv:2206.00364, equation 5, rho = 7)."""
    rho = 7.0
    ramp = np.linspace(0, 1, count)
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return np.asarray((high + ramp * (low - high)) ** rho, np.float64)


def exponential_sigmas(sigma_max: float, sigma_min: float, count: int) -> NDArray[np.float64]:
    """Return ``count`` noise levels evenly spaced in their logarithm, high to low."""
    return np.exp(np.linspace(math.log(sigma_max), math.log(sigma_min), count))


def timesteps_of_sigmas(
    sigmas: Floats, training_log_sigmas: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the fractional training timestep of each noise level, by linear interpolation of the logarithm.

    Levels outside the training schedule take the value at its nearest end.
    """
    last = len(training_log_sigmas) - 1
    return np.interp(
        np.log(np.maximum(sigmas, 1e-10)),
        training_log_sigmas.astype(np.float64),
        np.arange(last + 1, dtype=np.float64),
    )
