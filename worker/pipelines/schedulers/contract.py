"""The interface of schedulers: the timesteps of one image, and the step from each to the next.

A scheduler object serves one image: it is created for a number of steps and the one to begin at, called once per
timestep in order, and discarded. Creating one takes well under a millisecond, so nothing is reset and no state leaks
into the next image. One that begins later, from a picture, takes the last of the same steps, with its own warm-up
there; LCM and TCD take all steps from lower timesteps.

The noise of stochastic schedulers continues the image's own `Noise`, whose first draw gave the latents: one draw of the
latents' shape per step, in the order of steps, as diffusers draws from its generator.

Coefficients are Python floats (float64), and arrays keep their dtype. NumPy then rounds a coefficient to the array's
dtype before it multiplies, as torch does with 0-dimensional tensors. With the float16 latents of Stable Diffusion's
first step, this makes images agree with diffusers to the last digit.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from worker.pipelines.noise import Noise

#: Latents or noise [1, 4, h / 8, w / 8], float16 or float32.
Latents: TypeAlias = NDArray[np.floating[Any]]


class ImageScheduler(Protocol):
    """A diffusion sampler set up for one image."""

    @property
    def timesteps(self) -> NDArray[np.floating[Any]]:
        """float32 [n]: the training timestep of each U-Net evaluation, in the order of calls of `step`.

        Those from the step to begin at. Some schedulers evaluate the U-Net more than once per inference step, and some
        between two timesteps.
        """
        ...

    @property
    def init_noise_sigma(self) -> float:
        """The factor from unit normal noise to the first latents of an image that begins at the first step."""
        ...

    def add_noise(self, original: Latents, noise: Latents, index: int) -> Latents:
        """Return latents as they would be at a timestep, if denoising went to ``original``.

        original: latents without noise. noise: unit normal. index: of `timesteps`; 0 is where this image begins.

        Returns float32.
        """
        ...

    def scale_model_input(self, sample: Latents) -> Latents:
        """Return the U-Net's input for ``sample`` at the next step; same shape and dtype."""
        ...

    def step(self, noise_pred: Latents, sample: Latents, noise: Noise) -> Latents:
        """Go from one timestep to the next.

        noise_pred: the U-Net's output after guidance, float32.
        sample: the latents that were passed to `scale_model_input`.
        noise: for stochastic schedulers; the others draw none.

        Returns the latents of the next timestep, float32.
        """
        ...
