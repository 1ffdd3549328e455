"""What an image begins from: the first latents, and the step that denoising begins at."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from worker.pipelines.noise import Noise
from worker.pipelines.schedulers import ImageScheduler, Latents
from worker.pipelines.vae import Moments


class Start(Protocol):
    """The beginning of one image."""

    def begin(self, num_inference_steps: int) -> int:
        """Return the first inference step to take, 0 for all of them; the scheduler is then made to begin there."""
        ...

    def latents(self, scheduler: ImageScheduler, shape: tuple[int, ...], noise: Noise) -> Latents:
        """Return the latents at the scheduler's first timestep, of ``shape`` [1, 4, h / 8, w / 8]."""
        ...

    def kept(self, scheduler: ImageScheduler, latents: Latents, index: int) -> Latents:
        """Return latents with what is to stay as it was. index: of the timestep that they are at."""
        ...


class FromNoise:
    """Text to image: noise, at the first step."""

    def begin(self, num_inference_steps: int) -> int:  # noqa: ARG002
        """See Start."""
        return 0

    def latents(self, scheduler: ImageScheduler, shape: tuple[int, ...], noise: Noise) -> Latents:
        """See Start; float16 if the scheduler does not scale it, as in Apple's command line, else float32."""
        first = first_noise(shape, noise)
        sigma = scheduler.init_noise_sigma
        return first if sigma == 1.0 else first.astype(np.float32) * np.float32(sigma)

    def kept(self, scheduler: ImageScheduler, latents: Latents, index: int) -> Latents:  # noqa: ARG002
        """See Start."""
        return latents


class FromPicture:
    """Image to image: a picture with noise, at a later step (SDEdit, arXiv:2108.01073).

    moments: where the picture is in latent space.
    taken: how many steps.
    mask: float32 [1, 1, h / 8, w / 8], 1 where the image is drawn anew and 0 where the picture stays; None for
        1 everywhere.
    """

    def __init__(
        self, moments: Moments, taken: int, mask: NDArray[np.float32] | None = None
    ) -> None:
        self._moments = moments
        self._taken = taken
        self._mask = mask
        self._original = moments.mean
        self._first: Latents = moments.mean

    def begin(self, num_inference_steps: int) -> int:
        """See Start."""
        return num_inference_steps - self._taken

    def latents(self, scheduler: ImageScheduler, shape: tuple[int, ...], noise: Noise) -> Latents:
        """See Start. The first draw is that of text to image, the second chooses among the encoder's latents."""
        self._first = first_noise(shape, noise)
        self._original = self._moments.sample(noise.normal(shape))
        return scheduler.add_noise(self._original, self._first, 0)

    def kept(self, scheduler: ImageScheduler, latents: Latents, index: int) -> Latents:
        """See Start; outside the mask the picture's own latents, with as much of the first noise (arXiv:2206.02779)."""
        if self._mask is None:
            return latents
        at_end = index == len(scheduler.timesteps)
        own = self._original if at_end else scheduler.add_noise(self._original, self._first, index)
        return self._mask * latents + (1 - self._mask) * own


def first_noise(shape: tuple[int, ...], noise: Noise) -> Latents:
    """Draw an image's first noise, the same whatever it begins from: float16, as Apple's command line does."""
    return noise.normal(shape, np.float16)
