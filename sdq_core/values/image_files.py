"""What image files are by default, and which formats there are."""

from __future__ import annotations

from enum import StrEnum

#: Independent of the prompt's text, and never the same for two images of any two batches.
DEFAULT_PATH_TEMPLATE = "{batch}/{index:05d}/{index:05d}-{seed}"

#: Of 100, for formats that lose some of the pixels.
DEFAULT_QUALITY = 90


class ImageFormat(StrEnum):
    """An image file's format, by the ending of its name."""

    PNG = "png"
    JPG = "jpg"
    WEBP = "webp"
    AVIF = "avif"

    @property
    def suffix(self) -> str:
        """The ending of a file's name, with its dot."""
        return f".{self}"

    @property
    def is_lossless(self) -> bool:
        """Whether a file has exactly the pixels that were drawn."""
        return self is ImageFormat.PNG
