"""Where an image's random numbers come from: one source for all of them, so that a seed gives one image."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Noise(Protocol):
    """The random numbers of one image, drawn in order: its first latents, then what schedulers add."""

    def normal(self, shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Draw unit normal noise, the next from the seed. dtype: what it is rounded to."""
        ...


class NumpyNoise:
    """`numpy.random.RandomState`: the noise of Apple's command line."""

    def __init__(self, seed: int) -> None:
        """seed: 0 to 2**32 - 1."""
        self._state = np.random.RandomState(seed)

    def normal(self, shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """See Noise."""
        return self._state.randn(*shape).astype(dtype)
