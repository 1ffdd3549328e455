"""The pictures that images begin from: read from the inputs, brought to the model's size, and encoded once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sdq_core.errors import InputError, InputMissingError, PictureError
from sdq_core.inputs.picture import read_mask, read_picture
from sdq_core.inputs.store import InputStore
from sdq_core.models.check import VAE_SCALE_FACTOR
from sdq_core.values.conditions import Conditions
from worker.pipelines.start import FromNoise, FromPicture, Start
from worker.pipelines.vae import Moments, VaeEncoder

#: A grid of strengths or prompts comes picture by picture, or all pictures for each of its values.
_KEPT = 16

_Value = TypeVar("_Value")


class Pictures:
    """What images begin from.

    inputs: where pictures are, None for nowhere.
    load: loads the VAE encoder, at the first picture.
    size: of the model's images, width and height in pixels.
    """

    def __init__(
        self, inputs: InputStore | None, load: Callable[[], VaeEncoder], *, size: tuple[int, int]
    ) -> None:
        self._inputs = inputs
        self._load = load
        self._size = size
        self._encoder: VaeEncoder | None = None
        self._moments: dict[str, Moments] = {}
        self._masks: dict[str, NDArray[np.float32]] = {}
        self._maps: dict[str, NDArray[np.float32]] = {}

    def start(self, conditions: Conditions) -> Start:
        """Return what an image begins from.

        Raises PictureError if its picture is missing, was changed or cannot be used, and PackageError if the model has
        no VAE encoder that fits.
        """
        if conditions.init_image is None:
            return FromNoise()
        mask = None if conditions.mask is None else self._mask(conditions.mask)
        return FromPicture(self._encoded(conditions.init_image), mask)

    def map(self, sha256: str) -> NDArray[np.float32]:
        """Return a picture that a ControlNet follows: float32 [1, 3, h, w] in [0, 1]; raise PictureError as `start`."""
        if sha256 not in self._maps:
            picture = self._read(sha256, lambda data: read_picture(data, background="black"))
            _keep(self._maps, sha256, as_map(picture, self._size))
        return self._maps[sha256]

    def _encoded(self, sha256: str) -> Moments:
        if sha256 not in self._moments:
            pixels = as_model_input(self._read(sha256, read_picture), self._size)
            if self._encoder is None:
                self._encoder = self._load()
            _keep(self._moments, sha256, self._encoder.encode(pixels))
        return self._moments[sha256]

    def _mask(self, sha256: str) -> NDArray[np.float32]:
        if sha256 not in self._masks:
            _keep(self._masks, sha256, as_latent_mask(self._read(sha256, read_mask), self._size))
        return self._masks[sha256]

    def _read(self, sha256: str, decode: Callable[[bytes], Image.Image]) -> Image.Image:
        if self._inputs is None:
            raise PictureError("This worker has no inputs, so it cannot draw from pictures.")
        try:
            data = self._inputs.read(sha256)
        except (InputMissingError, InputError) as error:
            raise PictureError(f"{error} Then `sdq retry` draws this image.") from error
        try:
            return decode(data)
        except InputError as error:  # another Pillow had read it
            raise PictureError(
                f"{self._inputs.find(sha256)} {error}. Submit another picture."
            ) from error


def as_model_input(picture: Image.Image, size: tuple[int, int]) -> NDArray[np.float32]:
    """Stretch an RGB picture to a size, as diffusers does by default: float32 [1, 3, h, w] in [-1, 1]."""
    return 2 * as_map(picture, size) - 1


def as_map(picture: Image.Image, size: tuple[int, int]) -> NDArray[np.float32]:
    """Stretch an RGB picture likewise, in [0, 1]."""
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    pixels = np.asarray(picture, np.float32) / np.float32(255)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def as_latent_mask(mask: Image.Image, size: tuple[int, int]) -> NDArray[np.float32]:
    """Stretch a mask to a size and return it for latents, float32 [1, 1, h / 8, w / 8]: 1 where it is white.

    As diffusers does: everything from half of white on is white, and a latent goes by its upper left pixel.
    """
    if mask.size != size:
        mask = mask.resize(size, Image.Resampling.LANCZOS)
    white = np.asarray(mask, np.float32) / np.float32(255) >= 0.5
    return white[None, None, ::VAE_SCALE_FACTOR, ::VAE_SCALE_FACTOR].astype(np.float32)


def _keep(kept: dict[str, _Value], key: str, value: _Value) -> None:
    """Keep a value, and let go of the oldest of too many."""
    while len(kept) >= _KEPT:
        del kept[next(iter(kept))]
    kept[key] = value
