"""Latents with as much noise as they have at a timestep: what denoising from a picture begins with."""

from __future__ import annotations

import math

import numpy as np

from worker.pipelines.schedulers.contract import Latents


def preserving_variance(original: Latents, noise: Latents, alpha: float) -> Latents:
    """Return sqrt(alpha) x_0 + sqrt(1 - alpha) z, float32: the process that DDIM runs back. alpha: alpha-bar."""
    clean, drawn = original.astype(np.float32), noise.astype(np.float32)
    return math.sqrt(alpha) * clean + math.sqrt(1 - alpha) * drawn


def exploding_variance(original: Latents, noise: Latents, sigma: float) -> Latents:
    """Return x_0 + sigma z, float32: the process that Euler and LMS run back."""
    return original.astype(np.float32) + sigma * noise.astype(np.float32)
