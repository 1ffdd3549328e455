"""Images in memory: from raw pixels, and how much two of them differ."""

from __future__ import annotations

import math

from PIL import Image, ImageChops, ImageStat

_COLOURS_A_SIDE = 4


def image_from_rgb(pixels: bytes | bytearray | memoryview, width: int, height: int) -> Image.Image:
    """Make an image from ``height * width * 3`` bytes: rows from the top, red, green and blue of each pixel."""
    if len(pixels) != width * height * 3:
        raise ValueError(f"{len(pixels)} bytes are not {width}x{height} pixels of three bytes.")
    return Image.frombytes("RGB", (width, height), bytes(pixels))


def blurred(picture: Image.Image) -> Image.Image:
    """Return an RGB image of which only the colours can be made out, in the same size.

    It is interpolated between four colours a side, whatever its size, so only 48 bytes of it are left. A blur by radius
    would have to grow with the image, and could be sharpened again.
    """
    means = picture.resize((_COLOURS_A_SIDE, _COLOURS_A_SIDE), Image.Resampling.BOX)
    return means.resize(picture.size, Image.Resampling.BICUBIC)


def psnr_db(one: Image.Image, other: Image.Image) -> float:
    """Return the peak signal-to-noise ratio of two RGB images in dB, infinite for equal ones.

    Raise ValueError if their sizes differ.
    """
    if one.size != other.size:
        raise ValueError(f"{one.size} and {other.size} are not the same size.")
    squares = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).sum2
    total = sum(squares)
    if not total:
        return math.inf
    return 10 * math.log10(255**2 * 3 * one.width * one.height / total)


def difference(one: Image.Image, other: Image.Image, brightness: int = 1) -> Image.Image:
    """Return how much each pixel of two RGB images of one size differs, so many times as bright."""
    found = ImageChops.difference(one.convert("RGB"), other.convert("RGB"))
    return found.point([min(255, value * brightness) for value in range(256)] * 3)
