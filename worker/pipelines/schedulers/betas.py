"""The training noise schedule: how much of the image is left at each training timestep.

Everything is float32 and rounded in the order in which diffusers (torch) rounds it, since 1 - alpha at the early
timesteps cancels four digits.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sdq_core.errors import PackageError
from sdq_core.models.scheduler_config import SchedulerConfig

BETA_SCHEDULES = ("linear", "scaled_linear", "squaredcos_cap_v2")

#: The smallest positive float16: stands for zero where a division needs something above it.
ALMOST_ZERO = 2.0**-24


def training_alphas(
    config: SchedulerConfig, *, almost_zero_terminal_snr: bool = False, may_rescale: bool = True
) -> NDArray[np.float32]:
    """Return alpha-bar, the cumulative product of 1 - beta: float32 [num_train_timesteps], falling.

    almost_zero_terminal_snr: keep the last one just above zero when ``rescale_betas_zero_snr`` is set, for schedulers
    that divide by it. may_rescale: whether this scheduler supports that setting.
    """
    betas = _betas(config)
    rescale = may_rescale and config.flag("rescale_betas_zero_snr", False)
    if rescale:
        betas = _rescale_zero_terminal_snr(betas)
    alphas = _cumprod(np.float32(1.0) - betas)
    if rescale and almost_zero_terminal_snr:
        alphas[-1] = ALMOST_ZERO
    return alphas


def _betas(config: SchedulerConfig) -> NDArray[np.float32]:
    trained = config.numbers("trained_betas")
    if trained is not None:
        return np.array(trained, np.float32)
    count = config.integer("num_train_timesteps", 1000)
    if count < 1:
        raise PackageError(
            f"{config.origin}: 'num_train_timesteps' is {count}, but must be at least 1. Use the model's own file."
        )
    start, end = config.number("beta_start", 0.0001), config.number("beta_end", 0.02)
    schedule = config.word("beta_schedule", "linear", BETA_SCHEDULES)
    if schedule == "linear":
        return _linspace(start, end, count)
    if schedule == "scaled_linear":
        roots = _linspace(start**0.5, end**0.5, count)
        return roots * roots
    return _cosine_betas(count)


def _linspace(start: float, end: float, count: int) -> NDArray[np.float32]:
    """torch.linspace: a float32 step, counted from both ends, each element rounded once."""
    first, last = np.float32(start), np.float32(end)
    if count == 1:
        return np.array([first], np.float32)
    step = float(np.float32(np.float32(last - first) / np.float32(count - 1)))
    index = np.arange(count)
    values = np.where(
        index < count // 2,
        float(first) + step * index,
        float(last) - step * (count - 1 - index),
    )
    return values.astype(np.float32)


def _cosine_betas(count: int, max_beta: float = 0.999) -> NDArray[np.float32]:
    """Improved DDPM's cosine schedule (Nichol & Dhariwal, arXiv:2102.09672, equation 17)."""

    def alpha_bar(time: float) -> float:
        return math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2

    bars = [alpha_bar(index / count) for index in range(count + 1)]
    return np.array(
        [min(1 - after / before, max_beta) for before, after in pairwise(bars)],
        np.float32,
    )


def _cumprod(factors: NDArray[np.float32]) -> NDArray[np.float32]:
    """torch.cumprod: accumulates in float64, stores float32."""
    return np.cumprod(factors, dtype=np.float64).astype(np.float32)


def _rescale_zero_terminal_snr(betas: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shift the schedule so that nothing is left at the end (Lin et al., arXiv:2305.08891, algorithm 1)."""
    roots = np.sqrt(_cumprod(np.float32(1.0) - betas))
    first, last = roots[0].copy(), roots[-1].copy()
    roots = roots - last
    roots = roots * (first / (first - last))
    bars = roots * roots
    alphas = np.concatenate([bars[:1], bars[1:] / bars[:-1]])
    return np.asarray(np.float32(1.0) - alphas, np.float32)
