"""Captions can be read in every script, and never show boxes."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, features

from sdq_core.images import lettering
from sdq_core.images.lettering import Lettering, wrapped
from sdq_core.images.lettering.clusters import clusters
from sdq_core.images.lettering.coverage import coverage_of
from sdq_core.images.lettering.fonts import SystemFonts

HOUSE = Path(__file__).with_name("house.ttf")
BUNDLED = Path(lettering.__file__).parents[1] / "font" / "DejaVuSans.ttf"


@pytest.fixture
def alone() -> Lettering:
    """Lettering on a system without fonts."""
    return Lettering(14, SystemFonts(()))


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
        alone.draw(image, (5, 5), text, (0, 0, 0))
        return image.tobytes()

    word = "מגדלור"
    assert alone.readable(word) == word
    forced_left = f"\u202d{word[::-1]}\u202c"  # the same letters, already in the order of the eye
    assert drawn(word) == drawn(forced_left)


def test_without_raqm_it_is_escaped(alone: Lettering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "_shapes", False)
    assert alone.readable("אé") == r"\u05d0é"
    assert not alone.from_right("אé")


DAMAGED = [b"", b"ttcf", BUNDLED.read_bytes()[:1000], b"\0\1\0\0" + b"\xff" * 500]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_font_of_the_system_is_passed_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "NotoSansCJK.ttc").write_bytes(content)
    assert Lettering(14, SystemFonts((str(tmp_path),))).readable("夕") == r"\u5915"


def test_a_font_of_the_system_has_what_the_bundled_one_lacks(tmp_path: Path) -> None:
    (tmp_path / "Other Bold.ttf").write_bytes(BUNDLED.read_bytes())
    (tmp_path / "Other.ttf").symlink_to(tmp_path / "Other Bold.ttf")
    fonts = SystemFonts((str(tmp_path), "/nowhere"))
    assert [path.name for path in fonts.with_all("né")] == ["Other.ttf", "Other Bold.ttf"]
    assert list(fonts.with_all("n夕")) == []


def test_a_font_covers_what_its_table_names() -> None:
    coverage = coverage_of(BUNDLED)
    assert "a" in coverage
    assert "Ж" in coverage
    assert "\U0001d538" in coverage  # beyond the basic plane
    assert "夕" not in coverage


def test_what_is_drawn_as_one_stays_together() -> None:
    family = "\U0001f468\u200d\U0001f469\U0001f3fd"
    assert clusters(f"e\u0323x{family}!") == ["e\u0323", "x", family, "!"]
    assert clusters("\U0001f1e9\U0001f1ea\U0001f1eb") == ["\U0001f1e9\U0001f1ea", "\U0001f1eb"]


def test_an_accent_without_a_font_leaves_its_letter(alone: Lettering) -> None:
    assert alone.readable("a\u1acf, b\u200d\U0001f9ff\ufe0f") == r"a\u1acf, b\U0001f9ff"


def test_stacked_accents_stay_within_their_line(alone: Lettering) -> None:
    image = Image.new("RGB", (100, 200), "white")
    alone.draw(image, (5, 100), "Z" + "\u0301" * 50, (0, 0, 0))
    box = image.convert("L").point(lambda value: 255 - value).getbbox()
    assert box is not None
    assert box[1] >= 100 - 14 // 2
    assert box[3] <= 100 + 2 * 14


def test_emoji_come_from_a_font_of_pictures(tmp_path: Path) -> None:
    (tmp_path / "house.ttf").write_bytes(HOUSE.read_bytes())
    lettering = Lettering(16, SystemFonts((str(tmp_path),)))
    text = lettering.readable("a \U0001f3e0\ufe0f b\U0001f9ff")
    assert text == "a \U0001f3e0\ufe0f b\\U0001f9ff"
    image = Image.new("RGB", (200, 40), "white")
    lettering.draw(image, (5, 8), text, (0, 0, 0))
    red = image.getchannel("R").point(lambda value: 255 * (value > 150))
    is_red = Image.composite(image, Image.new("RGB", image.size), red).getchannel("G")
    box = is_red.point(lambda value: 255 * (20 < value < 40)).getbbox()
    assert box is not None
    left, top, right, bottom = box
    assert (right - left, bottom - top) == pytest.approx((16, 16), abs=2)
    assert lettering.length("\U0001f3e0") == pytest.approx(1.2 * 16, abs=0.1)


def test_a_letter_without_ink_is_no_letter_that_can_be_shown(alone: Lettering) -> None:
    assert alone.readable("a\u2800b") == r"a\u2800b"


class Counted(Lettering):
    """Letters of one pixel, and fonts for all of them."""

    def readable(self, text: str) -> str:
        return text

    def length(self, text: str) -> float:
        return len(text)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a red house by the sea", ("a red", "house by", "the sea")),
        ("夕焼けの空、青い海と砂浜", ("夕焼けの空、青い", "海と砂浜")),
        ("「夕」「焼」「け」", ("「夕」「焼」", "「け」")),
        ("best,masterpiece,8k", ("best,", "masterpi", "ece,8k")),
        ("one two three four five", ("one two", "three", "four…")),
        ("", ()),
    ],
)
def test_lines_end_where_readers_of_the_script_expect_it(text: str, lines: tuple[str, ...]) -> None:
    found = wrapped(text, Counted(14, SystemFonts(())), 8, 3)
    assert tuple(found.lines) == lines


def test_a_text_from_right_to_left_begins_on_the_right(alone: Lettering) -> None:
    assert wrapped("«מגדלור» on the sea", alone, 500, 1).from_right == bool(features.check("raqm"))
    assert not wrapped("12 sea מגדלור", alone, 500, 1).from_right


LETTERING = Lettering(14)


@given(st.text(max_size=30))
def test_any_text_can_be_measured_and_drawn(text: str) -> None:
    shown = LETTERING.readable(text)
    image = Image.new("RGB", (100, 30), "white")
    LETTERING.draw(image, (0, 0), shown, (0, 0, 0))
    assert LETTERING.length(shown) >= 0


@given(st.data())
def test_any_bytes_are_a_font_or_refused(data: st.DataObject) -> None:
    whole = HOUSE.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = data.draw(st.binary(min_size=1, max_size=8))
    damaged = whole[:at] + changed + whole[at + len(changed) :]
    with tempfile.NamedTemporaryFile(suffix=".ttf") as file:
        file.write(damaged[: data.draw(st.integers(0, len(damaged)))])
        file.flush()
        with contextlib.suppress(OSError, ValueError):
            assert isinstance("a" in coverage_of(Path(file.name)), bool)
