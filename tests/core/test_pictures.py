"""Pictures from anywhere become upright, opaque RGB, or a sentence's end."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageCms

from sdq_core.errors import InputError
from sdq_core.inputs.picture import MAX_PIXELS, check_picture, read_mask, read_picture

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255,) * 3, (0,) * 3


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixel(data: bytes, x: int = 0, y: int = 0) -> Any:
    assert check_picture(data)
    image = read_picture(data)
    assert image.mode == "RGB"
    return image.getpixel((x, y))


def near(found: Any, wanted: tuple[int, ...], by: int = 12) -> bool:
    return all(abs(one - other) <= by for one, other in zip(found, wanted, strict=True))


def test_a_camera_that_was_held_otherwise_turns_its_picture() -> None:
    image = Image.new("RGB", (4, 2), RED)
    image.putpixel((0, 0), BLUE)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it clockwise
    data = encoded(image, exif=exif)
    assert read_picture(data).size == (2, 4)
    assert pixel(data, 1, 0) == BLUE


def test_what_is_transparent_is_white_and_in_a_mask_black() -> None:
    image = Image.new("RGBA", (2, 1), (*RED, 0))
    image.putpixel((1, 0), (255, 0, 0, 255))
    assert [pixel(encoded(image), x) for x in (0, 1)] == [WHITE, RED]
    half = Image.new("LA", (1, 1), (0, 128))
    assert pixel(encoded(half)) == (127, 127, 127)
    mask = Image.new("RGBA", (2, 1), (255, 255, 255, 0))
    mask.putpixel((1, 0), (255, 255, 255, 255))
    assert list(read_mask(encoded(mask)).tobytes()) == [0, 255]


def test_a_palette_with_a_transparent_colour_is_read() -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([*GREEN, *BLUE])
    image.putpixel((1, 0), 1)
    data = encoded(image, "GIF", transparency=0)
    assert [pixel(data, x) for x in (0, 1)] == [WHITE, BLUE]


@pytest.mark.parametrize("value", [0, 255, 32768, 65535])
def test_sixteen_bits_become_eight(value: int) -> None:
    data = encoded(Image.new("I;16", (1, 1), value))
    assert pixel(data) == (value // 256,) * 3
    assert read_mask(data).getpixel((0, 0)) == value // 256


def test_a_transparent_grey_of_sixteen_bits_is_one_of_many() -> None:
    image = Image.new("I;16", (3, 1), 1000)
    image.putpixel((1, 0), 1001)  # the same in 8 bits
    image.putpixel((2, 0), 40_000)
    data = encoded(image, transparency=1000)
    assert [pixel(data, x) for x in (0, 1, 2)] == [WHITE, (3,) * 3, (156,) * 3]
    assert list(read_mask(data).tobytes()) == [0, 3, 156]


def test_colours_as_printers_name_them_make_a_mask_too() -> None:
    data = encoded(Image.new("RGB", (1, 1), WHITE).convert("LAB"), "TIFF")
    assert near(pixel(data), WHITE)
    assert read_mask(data).getpixel((0, 0)) == pytest.approx(255, abs=3)


def test_cmyk_is_read() -> None:
    data = encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95)
    assert near(pixel(data), RED)


def test_colours_of_a_profile_become_srgb() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    grey = Image.new("RGB", (1, 1), (100, 150, 200))
    # A profile of other colours than the image's says nothing, nor does a broken one.
    for profile in (lab, b"no profile"):
        assert pixel(encoded(grey, icc_profile=profile)) == (100, 150, 200)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert pixel(encoded(grey, icc_profile=srgb)) == (100, 150, 200)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_picture_counts(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert near(pixel(data, 4, 4), RED)


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [("PNG", ".png"), ("JPEG", ".jpg"), ("WEBP", ".webp"), ("GIF", ".gif"), ("BMP", ".bmp"), ("TIFF", ".tiff")],
)  # fmt: skip
def test_a_kept_file_has_the_ending_of_its_format(kind: str, suffix: str) -> None:
    assert check_picture(encoded(Image.new("RGB", (8, 8), RED), kind)) == suffix


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_picture_that_is_cut_off_is_refused(kind: str) -> None:
    noise = Image.effect_noise((64, 64), 90).convert("RGB")
    data = encoded(noise, kind)
    with pytest.raises(InputError, match=r"^is (damaged or cut off|not a picture)"):
        check_picture(data[: len(data) // 2])


def png_of(width: int, height: int, pixels: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [11_000, 40_000, 2**31 - 1])
def test_a_picture_is_not_decoded_that_would_fill_the_memory(side: int) -> None:
    with pytest.raises(InputError, match=rf"pixels; the limit is {MAX_PIXELS:,}|not a picture"):
        check_picture(png_of(side, side, zlib.compress(bytes(1000))))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a prompt", "is not a picture that can be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a picture that can be read"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is a HEIC picture; make a JPEG"),
        (png_of(8, 8, b"\0\1\2\3"), "is damaged or cut off"),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_picture(data)


def test_sixteen_bits_of_which_0_is_white_are_refused() -> None:
    data = encoded(Image.new("I;16", (1, 1), 0), "TIFF", tiffinfo={262: 0})
    with pytest.raises(InputError, match="of which 0 is white"):
        check_picture(data)


def test_numbers_of_32_bits_are_refused() -> None:
    with pytest.raises(InputError, match="has 32 bits a channel"):
        check_picture(encoded(Image.new("F", (2, 2), 0.5), "TIFF"))
