"""Gives some tokens of an encoded prompt more weight than others, as AUTOMATIC1111 does ("Emphasis: Original")."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def weighed(
    states: NDArray[np.floating[Any]], weights: NDArray[np.float32], *, keep_mean: bool = True
) -> NDArray[np.floating[Any]]:
    """Multiply each token's hidden state by its weight; unchanged, to the bit, if all weights are 1.

    states: [1, n, C]. weights: [n].
    keep_mean: scale the result to the mean of all numbers before, as for Stable Diffusion 1 and 2; not for XL.
    """
    if (weights == 1).all():
        return states
    changed = states.astype(np.float32) * weights[None, :, None]
    if not keep_mean:
        return changed
    before, after = (float(array.mean(dtype=np.float64)) for array in (states, changed))
    return changed * np.float32(before / after) if after else changed
