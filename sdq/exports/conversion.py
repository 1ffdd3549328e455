"""Images in another format or of another size."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

from PIL import Image

from sdq_core.errors import UsageError
from sdq_core.images.encode import encode_image
from sdq_core.printable import quote
from sdq_core.values.image_files import ImageFormat
from sdq_core.values.limits import MAX_SIDE

_SIZE = re.compile(r"([0-9]{1,6})(?:[xX×]([0-9]{1,6}))?")


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What images are converted to; None leaves that as it is.

    image_format: the format of the files.
    resize: ``N``, pixels of the shorter side, or ``WxH``.
    """

    image_format: ImageFormat | None = None
    resize: str | None = None

    @classmethod
    def parse(cls, image_format: ImageFormat | None, resize: str | None) -> Conversion:
        """Check the options' values; raise UsageError for a size that cannot be."""
        if resize is not None:
            found = _SIZE.fullmatch(resize.strip())
            sides = [int(side) for side in found.groups() if side] if found else []
            if not sides or not all(1 <= side <= MAX_SIDE for side in sides):
                raise UsageError(
                    f"--resize: {quote(resize)} is not a size; write 256 for the shorter side, or 512x384, at most "
                    f"{MAX_SIDE} pixels."
                )
            resize = "x".join(map(str, sides))
        return cls(image_format=image_format, resize=resize)

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return self.image_format is not None or self.resize is not None

    def size_of(self, width: int, height: int) -> tuple[int, int]:
        """Return the size that an image of this size gets, pixels."""
        if self.resize is None:
            return width, height
        first, _, second = self.resize.partition("x")
        if second:
            return int(first), int(second)
        scale = int(first) / min(width, height)
        return max(1, round(width * scale)), max(1, round(height * scale))

    def suffix(self, own: str) -> str:
        """Return the ending of a converted file. own: that of the file."""
        return own if self.image_format is None else self.image_format.suffix

    def converted(self, data: bytes, own: str) -> bytes:
        """Return an image's file converted: the pixels only, without metadata.

        own: the ending of the file's name.

        Raise OSError or ValueError for what is no image.
        """
        with Image.open(io.BytesIO(data)) as image:
            pixels = image.convert("RGB")
        size = self.size_of(*pixels.size)
        if size != pixels.size:
            pixels = pixels.resize(size, Image.Resampling.LANCZOS)
        image_format = ImageFormat(self.suffix(own).removeprefix("."))
        return encode_image(pixels, None, image_format)
