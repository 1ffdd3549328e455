"""Where an image's random numbers come from: one source for all of them, so that a seed gives one image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sdq_core.values.rng import Rng
from worker.pipelines.noise_nvidia import NvidiaNoise
from worker.pipelines.noise_torch import TorchNoise


class Noise(Protocol):
    """The random numbers of one image, drawn in order: its first latents, then what schedulers add.

    latents_dtype: what an image's first noise is rounded to.
    """

    latents_dtype: DTypeLike

    def normal(self, shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Draw unit normal noise, the next from the seed. dtype: what it is rounded to."""
        ...


class NumpyNoise:
    """`numpy.random.RandomState`: the noise of Apple's command line."""

    latents_dtype: DTypeLike = np.float16

    def __init__(self, seed: int) -> None:
        """seed: 0 to 2**32 - 1."""
        self._state = np.random.RandomState(seed)

    def normal(self, shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """See Noise."""
        return self._state.randn(*shape).astype(dtype)


def make_noise(rng: Rng, seed: int) -> Noise:
    """Return the noise of one image. seed: 0 to 2**32 - 1."""
    return _SOURCES[rng](seed)


_SOURCES: Mapping[Rng, Callable[[int], Noise]] = {
    Rng.NUMPY: NumpyNoise,
    Rng.TORCH: TorchNoise,
    Rng.NVIDIA: NvidiaNoise,
}
