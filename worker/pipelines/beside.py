"""Two seeds at once: an image without guidance leaves half of a U-Net of batch 2 to the image that comes next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.pipelines.arrays import Array
from worker.pipelines.contract import ImageRequest
from worker.pipelines.denoise import Evaluation
from worker.pipelines.noise import Noise
from worker.pipelines.schedulers import ImageScheduler, Latents
from worker.pipelines.unet import UNet


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """An image that was denoised beside the one before it.

    evaluation: the last one, with its final latents.
    denoise_ms: half of what both took.
    """

    request: ImageRequest
    evaluation: Evaluation
    denoise_ms: float


class Neighbour:
    """The U-Net of one image, which denoises another one in its second row, step by step."""

    batch = 2

    def __init__(
        self,
        unet: UNet,
        request: ImageRequest,
        scheduler: ImageScheduler,
        latents: Latents,
        noise: Noise,
    ) -> None:
        """Begin beside an image. request, scheduler, latents, noise: the other one's own."""
        self._unet = unet
        self._request = request
        self._scheduler = scheduler
        self._latents = latents
        self._noise = noise
        self._done = 0
        self._last: Evaluation | None = None

    def __call__(
        self, sample: Array, timestep: float, told: Mapping[str, Array]
    ) -> NDArray[np.float32]:
        """See `UNet`; both rows of the result are those of the image that asks."""
        seen = self._scheduler.scale_model_input(self._latents)
        predicted = self._unet(np.concatenate([sample[:1], seen]), timestep, told)
        if self._done == 0 or self._last is not None:
            self._step(predicted[1:])
        return predicted[[0, 0]]

    def _step(self, noise_pred: NDArray[np.float32]) -> None:
        before = self._latents
        with np.errstate(over="ignore", invalid="ignore"):
            self._latents = self._scheduler.step(noise_pred, before, self._noise)
        # What breaks here is drawn again when it is its turn, and fails then by itself.
        whole = np.isfinite(noise_pred).all() and np.isfinite(self._latents).all()
        self._done += 1
        self._last = None
        if whole:
            self._last = Evaluation(
                done=self._done,
                total=len(self._scheduler.timesteps),
                latents=self._latents,
                index=self._done - 1,
                sample=before,
                noise_pred=noise_pred,
            )

    def ahead(self, denoise_ms: float) -> Ahead | None:
        """Return the image once the other one is denoised, None if it broke. denoise_ms: what both took."""
        if self._last is None:
            return None
        return Ahead(request=self._request, evaluation=self._last, denoise_ms=denoise_ms / 2)


def rows_are_apart(unet: UNet, told: Mapping[str, Array], meanwhile: Callable[[], None]) -> bool:
    """Say whether a U-Net of batch 2 gives a row the same bits whatever the other one is, and in either place.

    An image is the same whether it was drawn with another one or not only if so. meanwhile: called between evaluations.
    """
    rows = np.random.RandomState(0).randn(2, *unet.latents_shape[1:]).astype(np.float32)
    both = unet(rows, 500.0, told)
    for row in (0, 1):
        meanwhile()
        if not np.array_equal(both[row], unet(rows[[row, row]], 500.0, told)[0]):
            return False
    return True
