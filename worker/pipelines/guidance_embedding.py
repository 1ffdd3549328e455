"""The guidance scale as an input of the U-Net, of models that were distilled from guided ones (arXiv:2310.04378).

The scale is embedded as timesteps are, so one evaluation does for both branches of guidance.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def guidance_embedding(guidance_scale: float, width: int) -> NDArray[np.float32]:
    """Return w = guidance_scale - 1 as sines, then cosines, of falling frequencies: float32 [1, width].

    As diffusers' `get_guidance_scale_embedding`. width: even, from 4.
    """
    half = width // 2
    frequencies = np.exp(
        np.arange(half, dtype=np.float32) * np.float32(-math.log(1e4) / (half - 1))
    )
    angles = np.float32(1000 * (guidance_scale - 1)) * frequencies
    return np.concatenate([np.sin(angles), np.cos(angles)])[None]
