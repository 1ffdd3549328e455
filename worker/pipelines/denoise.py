"""Noise to latents: the denoising loop with classifier-free guidance, as a generator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from worker.pipelines.arrays import Array, require_finite
from worker.pipelines.conditioning import Conditioning
from worker.pipelines.controlnet import Guides
from worker.pipelines.noise import Noise
from worker.pipelines.schedulers import ImageScheduler, Latents
from worker.pipelines.start import Start


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The state of denoising after one evaluation of the U-Net.

    done: evaluations so far.
    total: evaluations of the whole image.
    latents: [1, 4, h, w]; the final ones once done equals total.
    index, sample: of the scheduler's timestep that was evaluated, and the latents there.
    noise_pred: what the U-Net predicted there, after guidance; None while a branch is missing.
    """

    done: int
    total: int
    latents: Latents
    index: int
    sample: Latents
    noise_pred: Latents | None = None


class Predictor(Protocol):
    """What a U-Net does in a step; see `worker.pipelines.unet.UNet`."""

    batch: int

    def __call__(
        self, sample: Array, timestep: float, told: Mapping[str, Array]
    ) -> NDArray[np.float32]:
        """Evaluate the network once."""
        ...


def denoise(
    *,
    unet: Predictor,
    scheduler: ImageScheduler,
    latents: Latents,
    start: Start,
    conditioning: Conditioning,
    guides: Guides | None = None,
    guidance_scale: float,
    noise: Noise,
) -> Iterator[Evaluation]:
    """Walk ``latents`` down the scheduler's timesteps; yield after every evaluation of the U-Net.

    conditioning: two branches for guidance, one without. A U-Net of batch 2 takes both at once, or one twice; one of
    batch 1 is evaluated once for each. start: says what is to stay as it was. guides: the ControlNets at work.
    noise: what schedulers add.

    Raises BrokenImageError if the U-Net or the scheduler produces NaN or infinity.
    """
    batches = conditioning.batches(unet.batch)
    total = len(scheduler.timesteps) * len(batches)
    done = 0
    for index, timestep in enumerate(scheduler.timesteps):
        seen = scheduler.scale_model_input(latents)
        sample = np.concatenate([seen] * unet.batch)
        added = guides and guides.residuals(
            seen, float(timestep), conditioning.branches, step=index, steps=len(scheduler.timesteps)
        )
        predictions = []
        for number, told in enumerate(batches, start=1):
            # A branch that fills a batch of two with itself is told the same twice.
            rows = range((number - 1) * unet.batch, number * unet.batch)
            heard = {
                name: residual.take(rows, axis=0, mode="clip")
                for name, residual in (added or {}).items()
            }
            predictions.append(unet(sample, float(timestep), {**told, **heard}))
            done += 1
            require_finite(predictions[-1], f"Evaluation {done} of {total} of the U-Net")
            if number < len(batches):
                yield Evaluation(
                    done=done, total=total, latents=latents, index=index, sample=latents
                )
        # NumPy would print warnings on standard error about values that are checked just below.
        with np.errstate(over="ignore", invalid="ignore"):
            branches = np.concatenate(predictions)[: len(conditioning.branches)]
            noise_pred = guided(branches, guidance_scale)
            before = latents
            latents = scheduler.step(noise_pred, before, noise)
            latents = start.kept(scheduler, latents, index + 1)
        require_finite(
            latents, f"The {type(scheduler).__name__} after evaluation {done} of {total}"
        )
        yield Evaluation(
            done=done,
            total=total,
            latents=latents,
            index=index,
            sample=before,
            noise_pred=noise_pred,
        )


def guided(noise_pred: NDArray[np.float32], guidance_scale: float) -> NDArray[np.float32]:
    """Combine the branches: [2, 4, h, w] (negative, prompt) or [1, 4, h, w] to [1, 4, h, w].

    Classifier-free guidance (Ho & Salimans, arXiv:2207.12598) with w as in Imagen (arXiv:2205.11487, equation 2).
    """
    if len(noise_pred) == 1:
        return noise_pred
    negative, prompt = noise_pred[:1], noise_pred[1:]
    return negative + guidance_scale * (prompt - negative)
