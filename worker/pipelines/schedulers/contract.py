"""What every scheduler gives: the timesteps of one image and the step from each to the next.

A scheduler object serves one image: it is made for a number of steps, called once per timestep in order, and thrown
away. Making one costs well under a millisecond, so nothing has to be reset and no state leaks into the next image.

Coefficients are Python floats (float64), arrays keep the dtype in which they come. NumPy then rounds a coefficient to
the array's dtype before it multiplies, as torch does with 0-dimensional tensors; with the float16 latents of Stable
Diffusion's first step that is what makes images agree with diffusers to the last digits.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: Latents or noise [1, 4, h / 8, w / 8], float16 or float32.
Latents: TypeAlias = NDArray[np.floating[Any]]


class ImageScheduler(Protocol):
    """A diffusion sampler set up for one image."""

    @property
    def timesteps(self) -> NDArray[np.floating[Any]]:
        """Float32 [n]: the training timestep of each U-Net evaluation, in the order in which to call `step`.

        Some schedulers evaluate the U-Net more often than once per inference step, and some between two timesteps.
        """
        ...

    @property
    def init_noise_sigma(self) -> float:
        """What unit normal noise is multiplied by to become the first latents."""
        ...

    def scale_model_input(self, sample: Latents) -> Latents:
        """Return what the U-Net is to see of ``sample`` at the coming step; same shape and dtype."""
        ...

    def step(self, noise_pred: Latents, sample: Latents, rng: np.random.RandomState) -> Latents:
        """Go from one timestep to the next.

        noise_pred: the U-Net's output after guidance, float32. sample: the latents that `scale_model_input` was given.
        rng: where stochastic schedulers draw their noise; the others leave it alone.
        Returns the latents of the next timestep, float32.
        """
        ...


def draw_noise(like: Latents, rng: np.random.RandomState) -> NDArray[np.float32]:
    """Draw unit normal noise, float32 of the shape of ``like``, for a stochastic step.

    diffusers draws this noise from a torch generator, which cannot be repeated without torch. Here it continues the
    image's own `numpy.random.RandomState`, the one whose first draw gave the latents: one `randn` of the latents'
    shape per step, in step order.
    """
    return rng.randn(*like.shape).astype(np.float32)
