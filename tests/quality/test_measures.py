"""What is measured of a picture: its hash is imagehash's, and the rest is what its description says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tests.quality.pictures import clouds, pictures
from worker.quality.measures import hash_value, measure

GOLDEN = Path(__file__).parent.parent / "golden" / "phashes.json"


def test_the_hash_is_what_imagehash_prints() -> None:
    # Recorded by `tools/record_phashes.py` with the Pillow of `constraints.txt`.
    recorded = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert {name: measure(picture).phash for name, picture in pictures()} == recorded
    assert len(recorded) > 40


def test_a_picture_that_was_scaled_and_compressed_has_almost_the_same_hash(tmp_path: Path) -> None:
    picture = clouds(1, (512, 512))
    file = tmp_path / "small.jpg"
    picture.resize((256, 256)).save(file, quality=60)
    with Image.open(file) as small:
        hashes = [hash_value(measure(one.convert("RGB")).phash) for one in (picture, small)]
    other = hash_value(measure(clouds(2, (512, 512))).phash)
    assert (hashes[0] ^ hashes[1]).bit_count() <= 4
    assert (hashes[0] ^ other).bit_count() > 10


@pytest.mark.parametrize(("spread", "constant"), [(0, True), (3, True), (4, False), (200, False)])
def test_a_picture_of_one_colour_is_found_by_each_of_its_channels(
    spread: int, constant: bool
) -> None:
    for channel in range(3):
        pixels = np.full((16, 16, 3), 30, dtype=np.uint8)
        pixels[5, 5, channel] += spread
        assert measure(Image.fromarray(pixels)).constant == constant


def test_brightness_and_contrast_are_mean_and_deviation_of_the_luma() -> None:
    black, white = Image.new("RGB", (40, 30)), Image.new("RGB", (40, 30), "white")
    assert (measure(black).brightness, measure(black).contrast) == (0.0, 0.0)
    assert (measure(white).brightness, measure(white).contrast) == (1.0, 0.0)
    half = Image.new("RGB", (40, 30))
    half.paste(white.crop((0, 0, 20, 30)), (0, 0))
    assert (measure(half).brightness, measure(half).contrast) == (0.5, 0.5)
    picture = clouds(3, (200, 100))
    luma = np.asarray(picture.convert("L"), dtype=float)
    assert measure(picture).brightness == pytest.approx(luma.mean() / 255, abs=1e-4)
    assert measure(picture).contrast == pytest.approx(luma.std() / 255, abs=1e-4)


def test_a_blurred_picture_is_less_sharp_at_any_size() -> None:
    noise = np.random.RandomState(0).randint(0, 256, (64, 64, 3)).astype(np.uint8)
    large = Image.fromarray(noise).resize((512, 512), Image.Resampling.NEAREST)
    sharp = measure(large).sharpness
    assert measure(large.filter(ImageFilter.GaussianBlur(8))).sharpness < sharp / 5
    twice = large.resize((1024, 1024), Image.Resampling.NEAREST)
    assert measure(twice).sharpness == pytest.approx(sharp, rel=0.1)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (1000, 3)])
def test_pictures_of_any_shape_are_measured(size: tuple[int, int]) -> None:
    quality = measure(Image.new("RGB", size, "red"))
    assert quality.constant
    assert len(quality.phash) == 16
    assert quality.sharpness == 0
