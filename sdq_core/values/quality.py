"""What is measured of a finished picture."""

from __future__ import annotations

from dataclasses import dataclass

#: dB, of two drawings of one image. Below it they are different images; float16 and other arithmetic stay far above.
LEAST_PSNR_DB = 25.0


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Measures of a picture, by which images are compared and the bad ones found.

    phash: its perceptual hash, 16 hexadecimal digits; pictures that look alike differ in few of its 64 bits.
    constant: whether it has one colour, give or take 3 of 255 in each channel.
    brightness: mean of its luma, 0 to 1.
    contrast: standard deviation of its luma, 0 to 0.5.
    sharpness: variance of the Laplacian of its luma (0 to 255), with the longer side scaled to 256 pixels.
    """

    phash: str
    constant: bool
    brightness: float
    contrast: float
    sharpness: float
