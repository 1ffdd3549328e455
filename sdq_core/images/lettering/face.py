"""A font file in one size: with outlines, or with pictures in colour as those of emoji."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

#: Sizes of pictures, of which a font has one or some: those of Noto and Apple first.
_PICTURE_SIZES = (109, 160, 136, 128, 96, 64, 52, 40, 32, 20)

_Font = ImageFont.FreeTypeFont
_Colour = tuple[int, int, int]


class Face:
    """A font with outlines. All lengths in pixels."""

    def __init__(self, path: Path, size: int) -> None:
        """Raise OSError for a file that is none."""
        self._font = ImageFont.truetype(path, size)
        # Without Raqm, which would add a dotted circle to a lone accent.
        self._plain = ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
        self._missing = _glyph(self._plain, "\uffff")

    @property
    def ascent(self) -> int:
        """How far its letters reach above the baseline."""
        return self._font.getmetrics()[0]

    def has(self, letters: str) -> bool:
        """Whether each of these letters leaves ink; all that the font lacks look alike."""
        found = [_glyph(self._plain, letter) for letter in letters]
        return all(any(glyph[1]) and glyph != self._missing for glyph in found)

    def length(self, text: str) -> float:
        """Return the width of a text."""
        return self._font.getlength(text)

    def draw(
        self,
        on: Image.Image,
        place: tuple[float, float],
        text: str,
        fill: _Colour,
        direction: str | None,
    ) -> None:
        """Draw a text on an RGBA image.

        place: the left end of its baseline.
        direction: ltr, rtl, or None without Raqm.
        """
        ImageDraw.Draw(on).text(
            place, text, fill=fill, font=self._font, anchor="ls", direction=direction
        )


class PictureFace(Face):
    """A font of pictures, which are scaled to the size."""

    def __init__(self, path: Path, size: int) -> None:
        """Raise OSError for a file without pictures in a usual size."""
        self._font = _of_pictures(path)
        self._scale = size / self._font.size

    @property
    def ascent(self) -> int:
        """How far its pictures reach above the baseline."""
        return round(self._font.getmetrics()[0] * self._scale)

    def has(self, letters: str) -> bool:
        """Whether there is a picture of each of these letters."""
        return all(self._font.getmask(letter, "RGBA").getbbox() for letter in letters)

    def length(self, text: str) -> float:
        """Return the width of a text."""
        return self._font.getlength(text) * self._scale

    def draw(
        self,
        on: Image.Image,
        place: tuple[float, float],
        text: str,
        fill: _Colour,  # noqa: ARG002  pictures have their own colours
        direction: str | None,
    ) -> None:
        """Draw a text on an RGBA image, as `Face` does."""
        left, top, right, bottom = self._font.getbbox(text, anchor="ls", direction=direction)
        if right <= left or bottom <= top:
            return
        picture = Image.new("RGBA", (int(right - left) + 1, int(bottom - top) + 1))
        ImageDraw.Draw(picture).text(
            (-left, -top),
            text,
            font=self._font,
            anchor="ls",
            direction=direction,
            embedded_color=True,
        )
        size = (round(picture.width * self._scale) or 1, round(picture.height * self._scale) or 1)
        small = picture.resize(size, Image.Resampling.LANCZOS)
        corner = (round(place[0] + left * self._scale), round(place[1] + top * self._scale))
        on.paste(small, corner, small)


def opened(path: Path, size: int) -> Face | None:
    """Return a font file's face, None for one that is damaged or of a kind that cannot be drawn."""
    for kind in (Face, PictureFace):
        try:
            return kind(path, size)
        except (OSError, ValueError):
            continue
    return None


def _of_pictures(path: Path) -> _Font:
    for size in _PICTURE_SIZES:
        try:
            return ImageFont.truetype(path, size)
        except OSError:  # not this size
            continue
    raise OSError(f"{path} has no pictures in a usual size")


def _glyph(font: _Font, letter: str) -> tuple[tuple[int, int], bytes]:
    """Return a letter's picture, with its size."""
    mask = font.getmask(letter)
    return mask.size, bytes(mask)
