"""Pictures from anywhere, read as a pipeline needs them: upright, opaque, in sRGB, with 8 bits a channel.

Files are not trusted: their size is bounded before anything is decoded, and whatever a decoder raises is one sentence's
end. Every InputError here is a clause that follows a picture's name: "is damaged or cut off".
"""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

from PIL import Image, ImageCms, ImageMath, ImageOps, features
from PIL.TiffImagePlugin import PHOTOMETRIC_INTERPRETATION, TiffImageFile

from sdq_core.errors import InputError
from sdq_core.inputs.formats import SUFFIXES

#: Of a phone's largest, and 300 MB as RGB.
MAX_PIXELS = 100_000_000

_UNREADABLE = "is not a picture that can be read; use PNG, JPEG, WebP, AVIF, GIF, BMP or TIFF"
_DAMAGED = "is damaged or cut off; save it again"
_HEIC = "is a HEIC picture; make a JPEG of it (on a Mac: sips -s format jpeg FILE --out FILE.jpg)"
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


def check_picture(data: bytes) -> str:
    """Decode a file once, to see that all of it is there; return the ending that its format has."""
    image = _opened(data)
    # At an eighth of its size a JPEG of 12 million pixels took 34 ms in place of 160, and shows as well what is cut.
    image.draft("RGB", (max(1, image.width // 8), max(1, image.height // 8)))
    _eight_bits(_load(image))
    return SUFFIXES[image.format or "PNG"]


def read_picture(data: bytes, *, background: str = "white") -> Image.Image:
    """Return a picture as RGB: the first of an animation, turned as its camera says, on the background's colour.

    Colours of an embedded profile become sRGB.
    """
    image = _eight_bits(_upright(_load(_opened(data))))
    profile = image.info.get("icc_profile")
    alpha = None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image = image.convert("RGB")
    image = _srgb(image, profile)
    if alpha is None:
        return image
    opaque = Image.new("RGB", image.size, background)
    opaque.paste(image, mask=alpha)
    return opaque


def read_mask(data: bytes) -> Image.Image:
    """Return a picture as a mask, mode L: its brightness, black where it is transparent."""
    image = _eight_bits(_upright(_load(_opened(data))))
    if not image.has_transparency_data:
        return image.convert("L")
    image = image.convert("RGBA")
    black = Image.new("L", image.size, 0)
    black.paste(image.convert("L"), mask=image.getchannel("A"))
    return black


def read_holes(data: bytes) -> Image.Image | None:
    """Return a mask, mode L, that is white where a picture is fully transparent; None if it is nowhere."""
    image = _upright(_load(_opened(data)))
    if not image.has_transparency_data:
        return None
    holes = image.convert("RGBA").getchannel("A").point(lambda alpha: 255 if alpha == 0 else 0)
    return holes if holes.getbbox() else None


def _opened(data: bytes) -> Image.Image:
    """Return a picture whose pixels are not decoded yet; raise InputError for one that should not be."""
    Image.init()
    known = [name for name in SUFFIXES if name in Image.OPEN]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its size, which is checked just below
            image = Image.open(io.BytesIO(data), formats=known)
    except Image.DecompressionBombError:
        raise InputError(f"has too many pixels; the limit is {MAX_PIXELS:,}") from None
    # Decoders raise anything for files made to break them.
    except Exception:
        is_heic = data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS
        raise InputError(_HEIC if is_heic else _UNREADABLE) from None
    if image.width * image.height > MAX_PIXELS:
        raise InputError(
            f"has {image.width:,}x{image.height:,} pixels; the limit is {MAX_PIXELS:,}, so make it smaller"
        )
    return image


def _load(image: Image.Image) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
    except MemoryError:
        raise
    # As above.
    except Exception:
        raise InputError(_DAMAGED) from None
    return image


def _upright(image: Image.Image) -> Image.Image:
    # A damaged orientation is none.
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ImageOps.exif_transpose(image)
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return an image with 8 bits a channel, in a mode that becomes any other.

    Raise InputError for numbers whose white is not known.
    """
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in {"PNG", None}):
        # Pillow does not turn these round, as it does with 8 bits.
        if isinstance(image, TiffImageFile) and image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == 0:
            raise InputError("has 16 bits of which 0 is white; save it with 8, or as PNG")
        # Pillow would cut off what is brighter than 255 of 65,535.
        whole = image.convert("I")
        eight = whole.point(lambda value: value / 256).convert("L")
        if isinstance(clear := image.info.get("transparency"), int):
            seen = ImageMath.lambda_eval(lambda args: (args["whole"] != clear) * 255, whole=whole)
            eight.info.pop("transparency", None)
            eight.putalpha(seen.convert("L"))
        return eight
    if image.mode == "LAB":
        return image.convert("RGB")
    if image.mode in {"I", "F"}:
        raise InputError("has 32 bits a channel; save it with 8 or 16")
    return image


def _srgb(image: Image.Image, profile: Any) -> Image.Image:
    """Return an image as RGB, through its colour profile if it has one that can be used."""
    if isinstance(profile, bytes) and features.check("littlecms2"):
        # One that is broken, or of other colours than the image's, says nothing.
        with contextlib.suppress(Exception):
            found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if not ImageCms.getProfileDescription(found).startswith("sRGB"):
                if image.mode not in {"L", "RGB", "CMYK"}:
                    image = image.convert("RGB")
                changed = ImageCms.profileToProfile(
                    image, found, ImageCms.createProfile("sRGB"), outputMode="RGB"
                )
                if changed is not None:
                    return changed
    return image.convert("RGB")
