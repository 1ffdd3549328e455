"""Edges are those that OpenCV finds; recorded by `tools/record_edges.py`."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdq_core.errors import ConfigurationError
from sdq_core.inputs.annotate import annotated
from sdq_core.inputs.canny import canny
from sdq_core.inputs.picture import check_picture
from sdq_core.values.annotators import Annotator

with np.load(Path(__file__).parent.parent / "golden" / "edges.npz") as recorded:
    GOLDEN = dict(recorded)
NAMES = [name for name in GOLDEN if not name.endswith("_edges")]


@pytest.mark.parametrize("name", NAMES)
def test_every_pixel_is_as_opencv_has_it(name: str) -> None:
    found = canny(GOLDEN[name])
    assert found.shape == GOLDEN[name].shape[:2]
    assert np.array_equal(np.packbits(found), GOLDEN[f"{name}_edges"])


def test_there_is_something_to_agree_on() -> None:
    assert len(NAMES) >= 7
    assert sum(int(np.unpackbits(GOLDEN[f"{name}_edges"]).sum()) for name in NAMES) > 3000


def test_a_weak_line_counts_as_far_as_it_is_joined_to_a_strong_one() -> None:
    pixels = np.zeros((30, 200, 3), np.uint8)
    # A border that fades to the right: strong at first, then weak, then nothing.
    pixels[15:] = np.linspace(80, 0, 200).astype(np.uint8)[:, None]
    found = canny(pixels)
    strong_until, weak_until = 200 * (80 - 50) // 80, 200 * (80 - 25) // 80
    row = found.any(axis=0)
    assert row[:strong_until].all()
    assert row[strong_until : weak_until - 3].all()
    assert not row[weak_until + 3 :].any()
    assert not canny(pixels[:, strong_until + 3 :]).any()


def test_a_map_is_a_picture_in_the_images_size_whatever_the_photo_is() -> None:
    file = io.BytesIO()
    photo = Image.new("RGBA", (400, 300), (0, 0, 0, 0))
    photo.paste("white", (100, 100, 300, 200))
    photo.save(file, "PNG")
    made = annotated(file.getvalue(), Annotator.CANNY, (80, 60))
    assert made == annotated(file.getvalue(), Annotator.CANNY, (80, 60))
    assert check_picture(made) == ".bmp"
    edges = np.asarray(Image.open(io.BytesIO(made)).convert("RGB"))
    assert edges.shape == (60, 80, 3)
    assert set(np.unique(edges)) == {0, 255}


def test_without_numpy_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(
        ConfigurationError, match=r"canny needs NumPy. Run `pip install 'sdq\[onnx\]'`"
    ):
        annotated(b"not looked at", Annotator.CANNY, (8, 8))
