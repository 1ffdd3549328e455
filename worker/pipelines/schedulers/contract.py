"""The interface of schedulers: the timesteps of one image, and the step from each to the next.

A scheduler object serves one image: it is created for a number of steps, called once per timestep in order, and
discarded. Creating one takes well under a millisecond, so nothing is reset and no state leaks into the next image.

Coefficients are Python floats (float64), and arrays keep their dtype. NumPy then rounds a coefficient to the array's
dtype before it multiplies, as torch does with 0-dimensional tensors. With the float16 latents of Stable Diffusion's
first step, this makes images agree with diffusers to the last digit.
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
        """float32 [n]: the training timestep of each U-Net evaluation, in the order of calls of `step`.

        Some schedulers evaluate the U-Net more than once per inference step, and some between two timesteps.
        """
        ...

    @property
    def init_noise_sigma(self) -> float:
        """The factor from unit normal noise to the first latents."""
        ...

    def scale_model_input(self, sample: Latents) -> Latents:
        """Return the U-Net's input for ``sample`` at the next step; same shape and dtype."""
        ...

    def step(self, noise_pred: Latents, sample: Latents, rng: np.random.RandomState) -> Latents:
        """Go from one timestep to the next.

        noise_pred: the U-Net's output after guidance, float32.
        sample: the latents that were passed to `scale_model_input`.
        rng: the source of noise of stochastic schedulers; the others do not use it.

        Returns the latents of the next timestep, float32.
        """
        ...


def draw_noise(like: Latents, rng: np.random.RandomState) -> NDArray[np.float32]:
    """Draw unit normal noise, float32 of the shape of ``like``, for a stochastic step.

    diffusers draws this noise from a torch generator, which cannot be reproduced without torch. Here it continues the
    image's own `numpy.random.RandomState`, whose first draw gave the latents: one `randn` of the latents' shape per
    step, in the order of steps.
    """
    return rng.randn(*like.shape).astype(np.float32)
