"""What an image begins from: the first latents, and the step that denoising begins at."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from worker.pipelines.noise import Noise
from worker.pipelines.schedulers import ImageScheduler, Latents


class Start(Protocol):
    """The beginning of one image."""

    def begin(self, num_inference_steps: int) -> int:
        """Return the first inference step to take, 0 for all of them; the scheduler is then made to begin there."""
        ...

    def latents(self, scheduler: ImageScheduler, shape: tuple[int, ...], noise: Noise) -> Latents:
        """Return the latents at the scheduler's first timestep, of ``shape`` [1, 4, h / 8, w / 8]."""
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


def first_noise(shape: tuple[int, ...], noise: Noise) -> Latents:
    """Draw an image's first noise, the same whatever it begins from: float16, as Apple's command line does."""
    return noise.normal(shape, np.float16)
