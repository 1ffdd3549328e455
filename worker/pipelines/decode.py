"""Latents to pixels: the VAE's decoder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdq_core.errors import BrokenImageError
from sdq_core.models.check import check_vae_decoder
from worker.pipelines.arrays import as_expected, declared, require_finite, require_output
from worker.pipelines.schedulers import Latents
from worker.runtimes.contract import LoadedModel

#: The factor that scaled the latents of Stable Diffusion 1 and 2 to unit standard deviation for training.
SCALING_FACTOR = 0.18215


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """An image as the VAE decoded it and as it is stored.

    image: float32 [1, h, w, 3] in [0, 1]. pixels: uint8 [h, w, 3].
    """

    image: NDArray[np.float32]
    pixels: NDArray[np.uint8]


class VaeDecoder:
    """The VAE decoder's network."""

    def __init__(self, model: LoadedModel, latents_shape: tuple[int, ...]) -> None:
        """Raise PackageError if the network does not take the U-Net's latents."""
        check_vae_decoder(declared(model, "The VAE decoder"), latents_shape)
        self.model = model

    def decode(self, latents: Latents) -> Decoded:
        """Decode [1, 4, h / 8, w / 8]; raise BrokenImageError for NaN, infinity or a single colour."""
        outputs = self.model(**as_expected(self.model, {"z": 1 / SCALING_FACTOR * latents}))
        raw = require_output(outputs, "image", "VAE decoder").astype(np.float32)
        require_finite(raw, "The VAE decoder")
        image = (raw / 2 + 0.5).clip(0, 1).transpose(0, 2, 3, 1)
        pixels = (image[0] * 255).round().astype(np.uint8)
        refuse_one_colour(pixels)
        return Decoded(image=image, pixels=pixels)


def refuse_one_colour(pixels: NDArray[np.uint8]) -> None:
    """Raise BrokenImageError if all pixels are the same."""
    if (pixels == pixels[0, 0]).all():
        raise BrokenImageError(
            f"The image has only one colour, RGB {tuple(int(value) for value in pixels[0, 0])}. "
            "Try again. If it keeps failing, use another compute unit (CPU_ONLY is the safest)."
        )
