"""What an image begins from: the first latents."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from worker.pipelines.noise import Noise
from worker.pipelines.schedulers import ImageScheduler, Latents
from worker.pipelines.vae import Moments


class Start(Protocol):
    """The beginning of one image."""

    def latents(self, scheduler: ImageScheduler, shape: tuple[int, ...], noise: Noise) -> Latents:
        """Return the latents at the scheduler's first timestep, of ``shape`` [1, 4, h / 8, w / 8]."""
        ...

    def kept(self, scheduler: ImageScheduler, latents: Latents, index: int) -> Latents:
        """Return latents with what is to stay as it was. index: of the timestep that they are at."""
        ...


class FromNoise:
    """Text to image: noise, at the first step."""

    def latents(self, scheduler: ImageScheduler, shape: tuple[int, ...], noise: Noise) -> Latents:
        """See Start; as `first_noise` has it if the scheduler does not scale it, else float32."""
        first = first_noise(shape, noise)
        sigma = scheduler.init_noise_sigma
        return first if sigma == 1.0 else first.astype(np.float32) * np.float32(sigma)

    def kept(self, scheduler: ImageScheduler, latents: Latents, index: int) -> Latents:  # noqa: ARG002
        """See Start."""
        return latents


class FromPicture:
    """Image to image: a picture with the noise of a later step (SDEdit, arXiv:2108.01073).

    moments: where the picture is in latent space.
    mask: float32 [1, 1, h / 8, w / 8], 1 where the image is drawn anew and 0 where the picture stays; None for
        1 everywhere.
    """

    def __init__(self, moments: Moments, mask: NDArray[np.float32] | None = None) -> None:
        self._moments = moments
        self._mask = mask
        self._original = moments.mean
        self._first: Latents = moments.mean

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
    """Draw an image's first noise, the same whatever it begins from: float16 if it is that of Apple's command line."""
    return noise.normal(shape, noise.latents_dtype)
