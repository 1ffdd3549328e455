"""Text on images, readable in every script: the bundled font first, then the system's, else escapes like \\u65e5.

The bundled DejaVu Sans has Latin, Greek, Cyrillic, Hebrew, Arabic and more. Right-to-left text needs Pillow's Raqm,
which its wheels have; without it such letters are escaped, since they would stand in the wrong order.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from PIL import ImageDraw, ImageFont, features

_BUNDLED = Path(__file__).with_name("font") / "DejaVuSans.ttf"
_FOLDERS = (
    ("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts")
    if sys.platform == "darwin"
    else ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
)
_SUFFIXES = {".ttf", ".otf", ".ttc", ".otc"}
#: Parts of the names of fonts with many letters and a plain face; they are asked before all others.
_PREFERRED = (
    "notosanscjk",
    "hiragino",
    "pingfang",
    "applesdgothicneo",
    "arial unicode",
    "notosans",
    "droidsansfallback",
)
#: These have a glyph for every character, a box.
_BOXES = ("lastresort", "adobeblank")
#: Files to look into for a letter that the bundled font lacks.
_MOST_FONTS = 1000
#: No caption may turn the text around that follows it.
_DIRECTIONS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

_Font = ImageFont.FreeTypeFont


class Lettering:
    """Measures and draws text of one size, in pixels."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._faces = [_Face(_BUNDLED, size)]
        self._bundled = self._faces[0].font
        self._others = _system_fonts()
        self._font_of: dict[str, _Font | None] = {}
        self._turns = bool(features.check("raqm"))

    def readable(self, text: str) -> str:
        """Return a text with escapes in place of what no font here can show."""
        undirected = "".join(letter for letter in text if letter not in _DIRECTIONS)
        return "".join(map(self._shown, unicodedata.normalize("NFC", undirected)))

    def length(self, text: str) -> float:
        """Return the width of a readable text."""
        return sum(font.getlength(run) for font, run in self._runs(text))

    def draw(
        self,
        on: ImageDraw.ImageDraw,
        place: tuple[float, float],
        text: str,
        fill: tuple[int, int, int],
    ) -> None:
        """Draw a readable text; place: the left end of its top."""
        x, y = place[0], place[1] + self._bundled.getmetrics()[0]
        for font, run in self._runs(text):
            on.text((x, y), run, fill=fill, font=font, anchor="ls")
            x += font.getlength(run)

    def _runs(self, text: str) -> Iterator[tuple[_Font, str]]:
        """Yield the parts of a text with their fonts. Letters are put in their order within a part only."""
        font, begun = self._bundled, 0
        for place, letter in enumerate(text):
            own = font if letter.isspace() else self._font(letter) or self._bundled
            if own is not font:
                if place > begun:
                    yield font, text[begun:place]
                font, begun = own, place
        if text[begun:]:
            yield font, text[begun:]

    def _shown(self, letter: str) -> str:
        turned = not self._turns and unicodedata.bidirectional(letter) in {"R", "AL"}
        if letter.isspace():
            return " "  # Raqm refuses some of the others
        if self._font(letter) and not turned:
            return letter
        # Joiners and variation selectors only say how their neighbours look.
        if unicodedata.category(letter) == "Cf" or "\ufe00" <= letter <= "\ufe0f":
            return ""
        return letter.encode("unicode_escape").decode()

    def _font(self, letter: str) -> _Font | None:
        """Return the first font that has a letter, None if none has it."""
        if letter.isspace():
            return self._bundled
        if letter not in self._font_of:
            self._font_of[letter] = self._found(letter)
        return self._font_of[letter]

    def _found(self, letter: str) -> _Font | None:
        if unicodedata.category(letter) in {"Cc", "Cs", "Co", "Cn"}:
            return None
        for face in self._faces:
            if face.has(letter):
                return face.font
        for path in self._others:
            try:
                face = _Face(path, self._size)
                if face.has(letter):
                    self._faces.append(face)
                    return face.font
            except (OSError, ValueError):  # damaged, or of bitmaps in sizes of its own
                continue
        return None


class _Face:
    def __init__(self, path: Path, size: int) -> None:
        self.font = ImageFont.truetype(path, size)
        # Without Raqm, which would add a dotted circle to a lone accent.
        self._plain = ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
        self._missing = _glyph(self._plain, "\uffff")

    def has(self, letter: str) -> bool:
        """Whether the font has a letter: all that it lacks look alike."""
        return _glyph(self._plain, letter) != self._missing


def _glyph(font: _Font, letter: str) -> tuple[tuple[int, int], bytes]:
    """Return a letter's picture, with its size."""
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


def _system_fonts() -> list[Path]:
    """Return the system's font files, those most likely to have a letter first."""
    found = []
    for folder in _FOLDERS:
        for place, _, names in os.walk(os.path.expanduser(folder)):  # noqa: PTH111  no home is no error
            found += [Path(place, name) for name in names if Path(name).suffix.lower() in _SUFFIXES]

    def rank(path: Path) -> tuple[int, str]:
        name = path.name.lower()
        likely = (n for n, part in enumerate(_PREFERRED) if name.startswith(part))
        return next(likely, len(_PREFERRED)), name

    return [
        path
        for path in sorted(found, key=rank)[:_MOST_FONTS]
        if not path.name.lower().startswith(_BOXES)
    ]
