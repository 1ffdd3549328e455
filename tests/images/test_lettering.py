"""Captions can be read in every script, and never show boxes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, features

from sdq_core.images import lettering
from sdq_core.images.lettering import Lettering


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Lettering:
    """Lettering on a system without fonts."""
    monkeypatch.setattr(lettering, "_FOLDERS", ())
    return Lettering(14)


@pytest.mark.parametrize(
    "text", ["a café, naïve, Größe 20°", "Łódź, Tiếng Việt", "Ελληνικά", "Кириллица", "— “x” … ½"]
)
def test_latin_greek_and_cyrillic_need_no_font_of_the_system(alone: Lettering, text: str) -> None:
    assert alone.readable(text) == text


def test_what_no_font_has_is_escaped(alone: Lettering) -> None:
    assert alone.readable("夕 हि \ue000 \x1b") == r"\u5915 \u0939\u093f \ue000 \x1b"


def test_accents_are_composed_and_directions_dropped(alone: Lettering) -> None:
    assert alone.readable("e\u202e\u0301x") == "éx"


@pytest.mark.skipif(not features.check("raqm"), reason="Pillow without Raqm")
def test_right_to_left_is_drawn_from_the_right(alone: Lettering) -> None:
    def drawn(text: str) -> bytes:
        image = Image.new("RGB", (200, 30), "white")
        alone.draw(ImageDraw.Draw(image), (5, 5), text, (0, 0, 0))
        return image.tobytes()

    word = "מגדלור"
    assert alone.readable(word) == word
    forced_left = f"\u202d{word[::-1]}\u202c"  # the same letters, already in the order of the eye
    assert drawn(word) == drawn(forced_left)


def test_without_raqm_it_is_escaped(alone: Lettering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "_turns", False)
    assert alone.readable("אé") == r"\u05d0é"


def test_a_damaged_font_of_the_system_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "NotoSansCJK.ttc").write_bytes(b"ttcf")
    monkeypatch.setattr(lettering, "_FOLDERS", (str(tmp_path),))
    assert Lettering(14).readable("夕") == r"\u5915"


LETTERING = Lettering(14)


@given(st.text(max_size=30))
def test_any_text_can_be_measured_and_drawn(text: str) -> None:
    shown = LETTERING.readable(text)
    image = Image.new("RGB", (100, 30), "white")
    LETTERING.draw(ImageDraw.Draw(image), (0, 0), shown, (0, 0, 0))
    assert LETTERING.length(shown) >= 0
