"""jpg, webp and avif: read back by Pillow, by readers of AUTOMATIC1111's files, and by sdq."""

from __future__ import annotations

import io
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from image_factory import metadata, picture, recipe
from PIL import ExifTags, Image, features

from sdq_core.errors import ConfigurationError, InputError
from sdq_core.images import formats
from sdq_core.images.encode import encode_image, encode_png
from sdq_core.images.infotext import parse_infotext, write_infotext
from sdq_core.images.metadata import RECORD_BEGIN, RECORD_END
from sdq_core.images.pixels import psnr_db
from sdq_core.images.read import read_record
from sdq_core.values.image_files import ImageFormat

LOSSY = [ImageFormat.JPG, ImageFormat.WEBP, ImageFormat.AVIF]
PILLOWS = {ImageFormat.JPG: "JPEG", ImageFormat.WEBP: "WEBP", ImageFormat.AVIF: "AVIF"}
PROMPTS = ["a red house", "ein Häuschen", "海边的红房子 🏠", 'two\nlines, \\ & <b>"</sdq:record>"']


@pytest.fixture(params=LOSSY, ids=str)
def lossy(request: pytest.FixtureRequest) -> ImageFormat:
    image_format: ImageFormat = request.param
    if not features.check(str(image_format) if image_format is not ImageFormat.JPG else "jpg"):
        pytest.skip(f"this Pillow has no {image_format}")
    return image_format


def as_automatic1111_reads(image: Image.Image) -> str:
    """What its `read_info_from_image` does with piexif: UserComment, of which `UNICODE` means UTF-16, big end first."""
    exif = Image.Exif()
    exif.load(image.info["exif"])
    comment = exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
    assert comment[:8] == b"UNICODE\0"
    return str(comment[8:].decode("utf_16_be"))


@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_format_tells_how_it_was_drawn(
    tmp_path: Path, lossy: ImageFormat, prompt: str
) -> None:
    path = tmp_path / f"a{lossy.suffix}"
    path.write_bytes(encode_image(picture(), metadata(prompt=prompt), lossy))
    with Image.open(path) as image:
        assert (image.format, image.size, image.mode) == (PILLOWS[lossy], (64, 48), "RGB")
        image.load()
        assert psnr_db(image, picture()) > 25
        text = as_automatic1111_reads(image)
        xmp = image.info["xmp"]
    assert text == write_infotext(recipe(prompt=prompt), 42, version="0.1.0")
    assert parse_infotext(text).pairs["Seed"] == "42"
    record = read_record(path)
    assert (record.recipe, record.seed) == (recipe(prompt=prompt), 42)
    assert record.provenance == {"engine": "onnx", "ms": 1.5}
    description = ElementTree.fromstring(xmp).find(".//{*}Description")
    assert description is not None
    assert "trainedAlgorithmicMedia" in str(description.attrib)


def test_quality_says_how_much_is_lost(lossy: ImageFormat) -> None:
    sizes = [len(encode_image(picture(256, 256), None, lossy, quality)) for quality in (20, 90)]
    assert sizes[0] < sizes[1]
    assert encode_image(picture(), None, lossy) == encode_image(picture(), None, lossy, 90)


def test_the_same_image_is_the_same_bytes(lossy: ImageFormat) -> None:
    assert encode_image(picture(), metadata(), lossy) == encode_image(picture(), metadata(), lossy)
    assert encode_image(picture(), metadata()) == encode_png(picture(), metadata())


def test_without_metadata_nothing_but_pixels_is_written(tmp_path: Path, lossy: ImageFormat) -> None:
    path = tmp_path / "a"
    path.write_bytes(encode_image(picture(), None, lossy))
    with Image.open(path) as image:
        assert not image.getexif()
        assert "xmp" not in image.info
    with pytest.raises(InputError, match="has no sdq record"):
        read_record(path)


def test_a_jpg_goes_without_what_is_too_long_for_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encode_image(picture(), metadata(prompt="日" * 20_000), ImageFormat.JPG))
    with Image.open(path) as image:
        assert "trainedAlgorithmicMedia" in str(image.info["xmp"])
        assert as_automatic1111_reads(image).startswith("日日")
    with pytest.raises(InputError, match="has no sdq record"):
        read_record(path)
    both = metadata(prompt="日" * 20_000, negative_prompt="本" * 20_000)
    with Image.open(io.BytesIO(encode_image(picture(), both, ImageFormat.JPG))) as image:
        assert "exif" not in image.info


def test_a_format_that_pillow_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.features.check", lambda _: False)
    formats.require(ImageFormat.JPG)
    with pytest.raises(ConfigurationError, match="cannot write avif files on this machine"):
        encode_image(picture(), None, ImageFormat.AVIF)


JPEG = b"\xff\xd8\xff\xe1"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (JPEG, "has no sdq record"),
        (JPEG + bytes(30_000_000), "has no sdq record"),
        (JPEG + RECORD_BEGIN.encode(), "damaged, or longer than the limit"),
        (JPEG + RECORD_BEGIN.encode() + b"x" * 3_000_000 + RECORD_END.encode(), "longer than the limit"),
        (JPEG + RECORD_BEGIN.encode() + b"{}" + RECORD_END.encode(), "update sdq"),
        (JPEG + RECORD_BEGIN.encode() + b"\xff\0&quot;" + RECORD_END.encode(), "not JSON"),
        (b"RIFF\0\0\0\0WAVE", "is not a PNG, JPEG, WebP or AVIF image"),
        (b"\0\0\0\x20ftypheic", "is not a PNG, JPEG, WebP or AVIF image"),
        (b"RIFF\0\0\0\0WEBP", "has no sdq record"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused_quickly(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    started = time.monotonic()
    with pytest.raises(InputError) as caught:
        read_record(path)
    assert says in str(caught.value)
    assert time.monotonic() - started < 5


def test_a_record_on_the_border_of_what_is_read_at_once_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    record = f"{RECORD_BEGIN}{metadata().to_json()}{RECORD_END}".encode()
    for before in (2**20 - 5, 2**20 - len(RECORD_BEGIN), 2**21 - 1):
        path.write_bytes(JPEG + b"x" * (before - len(JPEG)) + record)
        assert read_record(path).seed == 42
