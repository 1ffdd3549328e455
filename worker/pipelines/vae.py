"""The VAE: latents to pixels, and pixels to latents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdq_core.errors import BrokenImageError
from sdq_core.models.check import check_vae_decoder, check_vae_encoder
from worker.pipelines.arrays import as_expected, declared, require_finite, require_output
from worker.pipelines.schedulers import Latents
from worker.runtimes.contract import LoadedModel

#: Bounds of the logarithm of the encoder's variance, as diffusers has them.
_LOG_VARIANCE = (-30.0, 20.0)


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """An image as the VAE decoded it and as it is stored.

    image: float32 [1, h, w, 3] in [0, 1]. pixels: uint8 [h, w, 3].
    """

    image: NDArray[np.float32]
    pixels: NDArray[np.uint8]


class VaeDecoder:
    """The VAE decoder's network. scaling_factor: of the family's latents, or the model's own."""

    def __init__(
        self, model: LoadedModel, latents_shape: tuple[int, ...], scaling_factor: float
    ) -> None:
        """Raise PackageError if the network does not take the U-Net's latents."""
        check_vae_decoder(declared(model, "The VAE decoder"), latents_shape)
        self.model = model
        self.scaling_factor = scaling_factor

    def decode(self, latents: Latents) -> Decoded:
        """Decode [1, 4, h / 8, w / 8]; raise BrokenImageError for NaN, infinity or a single colour."""
        outputs = self.model(**as_expected(self.model, {"z": 1 / self.scaling_factor * latents}))
        raw = require_output(outputs, "image", "VAE decoder").astype(np.float32)
        require_finite(raw, "The VAE decoder")
        image = (raw / 2 + 0.5).clip(0, 1).transpose(0, 2, 3, 1)
        pixels = (image[0] * 255).round().astype(np.uint8)
        refuse_one_colour(pixels)
        return Decoded(image=image, pixels=pixels)


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Where in latent space a picture is, to the encoder: a normal distribution for each of [1, 4, h / 8, w / 8].

    mean, deviation: float32, times the scaling factor.
    """

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]

    def sample(self, noise: Latents) -> NDArray[np.float32]:
        """Return the latents that unit normal noise chooses."""
        return self.mean + self.deviation * noise.astype(np.float32)


class VaeEncoder:
    """The VAE encoder's network. scaling_factor: as the decoder's."""

    def __init__(
        self, model: LoadedModel, latents_shape: tuple[int, ...], scaling_factor: float
    ) -> None:
        """Raise PackageError if the network does not give the U-Net's latents, or was made by an old converter."""
        self._input = check_vae_encoder(declared(model, "The VAE encoder"), latents_shape)
        self._model = model
        self._scaling_factor = np.float32(scaling_factor)

    def encode(self, picture: NDArray[np.float32]) -> Moments:
        """Encode [1, 3, h, w] in [-1, 1]; raise BrokenImageError for NaN or infinity."""
        outputs = self._model(**as_expected(self._model, {self._input: picture}))
        latent = require_output(outputs, "latent", "VAE encoder").astype(np.float32)
        require_finite(latent, "The VAE encoder")
        mean, log_variance = np.split(latent, 2, axis=1)
        deviation = np.exp(0.5 * log_variance.clip(*_LOG_VARIANCE))
        return Moments(mean=self._scaling_factor * mean, deviation=self._scaling_factor * deviation)


def refuse_one_colour(pixels: NDArray[np.uint8]) -> None:
    """Raise BrokenImageError if all pixels are the same."""
    if (pixels == pixels[0, 0]).all():
        raise BrokenImageError(
            f"The image has only one colour, RGB {tuple(int(value) for value in pixels[0, 0])}. "
            "Try again. If it keeps failing, use another compute unit (CPU_ONLY is the safest)."
        )
