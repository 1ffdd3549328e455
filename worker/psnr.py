"""How like two pictures are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def psnr_db(reference: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Give the peak signal-to-noise ratio of two pictures of the same shape, dB; infinite where they are the same."""
    error = float(np.mean((reference.astype(np.float64) - other) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255.0**2 / error))
