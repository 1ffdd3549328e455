"""Images from files, made to fit a square of some pixels, and their thumbnails for a page.

A file may be missing, damaged, foreign or absurdly large: then there is None instead.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image, features

from sdq_core.images.pixels import blurred

#: What Pillow raises for such files.
_UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)

#: A thumbnail that takes more bytes is made with the next lower quality; the last one is taken as it is.
_QUALITIES = (74, 55, 30)
_ENOUGH_BYTES = 20_000
#: WebP's own takes twice as long as the quick one for 4 % fewer bytes of the same quality.
_WEBP_METHOD, _QUICK_METHOD = 4, 2
_FINE_QUALITY = 92


@dataclass(frozen=True, kw_only=True)
class Thumbnail:
    """A small picture. media_type: image/webp, or image/jpeg where Pillow lacks WebP."""

    data: bytes
    media_type: str
    width: int
    height: int


def fitted_size(path: Path, side: int, *, enlarge: bool = True) -> tuple[int, int] | None:
    """Return the size that an image fits a square with, from its header alone; None if it cannot be read.

    enlarge: whether a smaller image fills the square.
    """
    try:
        with Image.open(path) as picture:
            width, height = picture.size
    except _UNREADABLE:
        return None
    scale = side / max(width, height, 1)
    if not enlarge:
        scale = min(scale, 1.0)
    return max(1, round(width * scale)), max(1, round(height * scale))


def fitted_picture(path: Path, size: tuple[int, int]) -> Image.Image | None:
    """Return an image in this size and in RGB, None if it cannot be read."""
    try:
        with Image.open(path) as picture:
            picture.draft("RGB", size)  # JPEG: decodes no more than is shown
            whole: Image.Image = picture.convert("RGB")
    except _UNREADABLE:
        return None
    return whole if whole.size == size else whole.resize(size, Image.Resampling.LANCZOS)


def whole_picture(file: Path | BinaryIO) -> Image.Image | None:
    """Return an image in its own size and in RGB, None if it cannot be read."""
    try:
        with Image.open(file) as picture:
            return picture.convert("RGB")
    except _UNREADABLE:
        return None


def thumbnail(
    path: Path, side: int, *, hidden: bool = False, fine: bool = False, quick: bool = False
) -> Thumbnail | None:
    """Return an image's thumbnail, None if it cannot be read.

    side: of the square in pixels; an image that is smaller keeps its size.
    hidden: only its colours can be made out.
    fine: with hardly a trace of having been made smaller in bytes, however many they are.
    quick: in half the time, for a few more bytes.
    """
    size = fitted_size(path, side, enlarge=False)
    picture = fitted_picture(path, size) if size else None
    if picture is None:
        return None
    if hidden:
        picture = blurred(picture)
    return thumbnail_of(picture, side, fine=fine, quick=quick)


def thumbnail_of(
    picture: Image.Image, side: int, *, fine: bool = False, quick: bool = False
) -> Thumbnail:
    """Return the thumbnail of an RGB picture. side, fine, quick: as for `thumbnail`."""
    shown = picture
    if max(picture.size) > side:
        shown = picture.copy()
        shown.thumbnail((side, side), Image.Resampling.LANCZOS)
    method = _QUICK_METHOD if quick else _WEBP_METHOD
    kind, how = ("webp", {"method": method}) if features.check("webp") else ("jpeg", {})
    data = b""
    for quality in (_FINE_QUALITY,) if fine else _QUALITIES:
        buffer = io.BytesIO()
        shown.save(buffer, kind, quality=quality, **how)
        data = buffer.getvalue()
        if len(data) <= _ENOUGH_BYTES:
            break
    return Thumbnail(data=data, media_type=f"image/{kind}", width=shown.width, height=shown.height)
