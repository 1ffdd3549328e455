"""Measures of one picture. The same pixels give the same values on any machine with the same Pillow.

Its versions may scale a picture a little differently: of 44 hashes, one differed in two bits between 11.0 and 13.0.

The perceptual hash is that of imagehash's `phash` (https://github.com/JohannesBuchner/imagehash): the signs, against
their median, of the 8 x 8 lowest frequencies of the picture in 32 x 32 greys. `tests/golden/phashes.json` has what
imagehash itself prints.
"""

from __future__ import annotations

from functools import cache
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sdq_core.values.quality import Quality

#: A picture of one colour: a channel's values differ by less than this.
_CONSTANT_BELOW = 4

_HASHED_SIDE = 32
_FREQUENCIES = 8

#: The longer side at which sharpness is measured, so that images of different sizes compare.
_SHARPNESS_SIDE = 256

#: Decimals of the frequencies that are compared: what is 0 but for rounding errors is 0.
_DECIMALS = 6


def measure(picture: Image.Image) -> Quality:
    """Measure an RGB picture."""
    grey = picture.convert("L")
    counts = np.array(grey.histogram(), dtype=np.int64)
    shades = np.arange(len(counts))
    pixels = int(counts.sum())
    mean = float(counts @ shades) / pixels
    variance = float(counts @ shades**2) / pixels - mean**2
    return Quality(
        phash=_phash(grey),
        # The luma of one colour is constant, too; few pictures need a second look.
        constant=bool(np.ptp(np.flatnonzero(counts)) < _CONSTANT_BELOW)
        and _has_one_colour(picture),
        brightness=round(mean / 255, 4),
        contrast=round(max(variance, 0.0) ** 0.5 / 255, 4),
        sharpness=round(_sharpness(grey), 2),
    )


def hash_value(phash: str) -> int:
    """Return a hash's 64 bits as a number, for `worker.quality.duplicates`."""
    return int(phash, 16)


def _has_one_colour(picture: Image.Image) -> bool:
    channels = cast("tuple[tuple[int, int], ...]", picture.getextrema())
    return all(high - low < _CONSTANT_BELOW for low, high in channels)


def _phash(grey: Image.Image) -> str:
    small = grey.resize((_HASHED_SIDE, _HASHED_SIDE), Image.Resampling.LANCZOS)
    cosines = _cosines()
    low = (cosines @ np.asarray(small, dtype=np.float64) @ cosines.T).round(_DECIMALS)
    bits = low > np.median(low)
    return np.packbits(bits).tobytes().hex()


@cache
def _cosines() -> NDArray[np.float64]:
    """Return the lowest frequencies of the discrete cosine transform, float64 [8, 32]: type II, unscaled."""
    frequencies = np.arange(_FREQUENCIES)[:, None]
    places = np.arange(_HASHED_SIDE)
    return 2 * np.cos(np.pi * frequencies * (2 * places + 1) / (2 * _HASHED_SIDE))


def _sharpness(grey: Image.Image) -> float:
    """Return the variance of the Laplacian: of the differences between each pixel and its four neighbours, summed."""
    scale = _SHARPNESS_SIDE / max(grey.size)
    width, height = (max(3, round(side * scale)) for side in grey.size)
    scaled = grey.resize((width, height), Image.Resampling.BILINEAR)
    luma = np.asarray(scaled, dtype=np.int16)
    edges = luma[:-2, 1:-1] + luma[2:, 1:-1]
    edges += luma[1:-1, :-2]
    edges += luma[1:-1, 2:]
    edges -= 4 * luma[1:-1, 1:-1]
    # In whole numbers, which takes a third of `var`'s time.
    squares = np.multiply(edges, edges, dtype=np.int32).sum(dtype=np.int64)
    mean = edges.sum(dtype=np.int64) / edges.size
    return float(squares / edges.size - mean**2)
