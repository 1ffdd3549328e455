"""Pictures from raw pixels, and PSNR by its formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from sdq_core.images.pixels import image_from_rgb, psnr_db


def test_pixels_of_the_wrong_size_are_refused() -> None:
    with pytest.raises(ValueError, match="are not 4x4 pixels"):
        image_from_rgb(bytes(47), 4, 4)


def test_it_is_the_formulas_number() -> None:
    one, other = (
        np.random.default_rng(seed).integers(0, 256, (24, 40, 3), dtype=np.uint8) for seed in (0, 1)
    )
    error = np.square(one.astype(float) - other).mean()
    found = psnr_db(Image.fromarray(one), Image.fromarray(other))
    assert found == pytest.approx(10 * math.log10(255**2 / error))


def test_one_step_everywhere_is_48_db_and_none_at_all_is_infinite() -> None:
    grey, lighter = Image.new("RGB", (8, 8), (9, 9, 9)), Image.new("RGB", (8, 8), (10, 10, 10))
    assert psnr_db(grey, lighter) == pytest.approx(20 * math.log10(255))
    assert psnr_db(grey, grey) == math.inf


def test_pictures_of_two_sizes_are_not_compared() -> None:
    with pytest.raises(ValueError, match="not the same size"):
        psnr_db(Image.new("RGB", (8, 8)), Image.new("RGB", (8, 9)))
