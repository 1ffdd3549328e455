"""Contact sheets: many images on one, a row for each prompt with its seeds across.

Rows with more images than fit across continue below. An image that is missing or unreadable leaves an empty tile, so
that a sheet can be made of a batch that is still being drawn.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from sdq_core.errors import InputError, UsageError
from sdq_core.images.fitted import fitted_picture, fitted_size
from sdq_core.images.lettering import Lettering
from sdq_core.images.store import StoredFile, store_file

#: Pixels; many viewers give up on more, and JPEG ends at 65,535.
MAX_SIDE = 30_000
#: Three bytes each, so 600 MB while the sheet is made.
MAX_PIXELS = 200_000_000

_BACKGROUND = (250, 250, 248)
_EMPTY_TILE = (232, 232, 228)
_INK = (38, 38, 36)
_CAPTION_LINES = 3
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


@dataclass(frozen=True, kw_only=True)
class _Measures:
    """All lengths in pixels."""

    thumb: int
    across: int
    margin: int
    gap: int
    font_size: int

    @property
    def line(self) -> int:
        return round(self.font_size * 1.35)

    @property
    def width(self) -> int:
        return 2 * self.margin + self.across * self.thumb + (self.across - 1) * self.gap


def contact_sheet(
    rows: Sequence[tuple[str, Sequence[Path]]],
    out: Path,
    thumb: int = 192,
    *,
    max_across: int = 10,
) -> StoredFile:
    """Draw the rows' images and captions and store them at `out`, a PNG or a JPEG by its extension.

    rows: each row's caption and images.
    thumb: the side of a tile in pixels; images are fitted into it, never cropped.
    max_across: the most tiles side by side.

    Raise UsageError for any other extension, InputError for a sheet that would be too large, OutputError or
    StorageError if it cannot be stored.
    """
    file_format = _FORMATS.get(out.suffix.lower())
    if file_format is None:
        raise UsageError(f"A contact sheet is a .png or .jpg file, not {out.name!r}.")
    if not 16 <= thumb <= 2048 or max_across < 1:
        raise UsageError("A tile has 16 to 2048 pixels, and a row has at least one tile.")
    if not any(pictures for _, pictures in rows):
        raise InputError("There are no images to show on a contact sheet.")
    measures = _Measures(
        thumb=thumb,
        across=min(max_across, max(len(pictures) for _, pictures in rows)),
        margin=max(12, thumb // 6),
        gap=max(4, thumb // 24),
        font_size=max(11, min(16, thumb // 12)),
    )
    lettering = Lettering(measures.font_size)
    laid_out = [
        _row(caption, pictures, lettering, measures) for caption, pictures in rows if pictures
    ]
    sheet = _drawn(laid_out, lettering, measures)
    buffer = io.BytesIO()
    if file_format == "JPEG":
        sheet.save(buffer, file_format, quality=90)
    else:
        sheet.save(buffer, file_format)
    return store_file(buffer.getvalue(), out)


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A caption's lines above lines of tiles, each tile with its image's fitted size or None."""

    caption: Sequence[str]
    tiles: Sequence[Sequence[tuple[Path, tuple[int, int] | None]]]

    def tile_heights(self, measures: _Measures) -> list[int]:
        """Return the height of each line of tiles: that of its tallest image."""
        return [
            max((size[1] for _, size in line if size), default=measures.thumb)
            for line in self.tiles
        ]

    def caption_height(self, measures: _Measures) -> int:
        return len(self.caption) * measures.line + (measures.gap if self.caption else 0)

    def height(self, measures: _Measures) -> int:
        heights = self.tile_heights(measures)
        return (
            self.caption_height(measures) + sum(heights) + max(0, len(heights) - 1) * measures.gap
        )


def _row(caption: str, pictures: Sequence[Path], lettering: Lettering, measures: _Measures) -> _Row:
    tiles = [(path, fitted_size(path, measures.thumb)) for path in pictures]
    across = measures.across
    return _Row(
        caption=_wrapped(caption, lettering, measures),
        tiles=[tiles[i : i + across] for i in range(0, len(tiles), across)],
    )


def _drawn(rows: Sequence[_Row], lettering: Lettering, measures: _Measures) -> Image.Image:
    row_gap = measures.gap * 4
    heights = sum(row.height(measures) for row in rows)
    size = (measures.width, 2 * measures.margin + heights + row_gap * (len(rows) - 1))
    if max(size) > MAX_SIDE or size[0] * size[1] > MAX_PIXELS:
        raise InputError(
            f"The contact sheet would have {size[0]}x{size[1]} pixels; use smaller tiles or fewer images."
        )
    sheet = Image.new("RGB", size, _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    y = measures.margin
    for row in rows:
        for number, text in enumerate(row.caption):
            lettering.draw(draw, (measures.margin, y + number * measures.line), text, _INK)
        tiles_y = y + row.caption_height(measures)
        for line, height in zip(row.tiles, row.tile_heights(measures), strict=True):
            for across, (path, fitted) in enumerate(line):
                x = measures.margin + across * (measures.thumb + measures.gap)
                picture = fitted_picture(path, fitted) if fitted else None
                if picture is None:
                    tile = (x, tiles_y, x + measures.thumb - 1, tiles_y + height - 1)
                    draw.rectangle(tile, fill=_EMPTY_TILE)
                else:
                    left = x + (measures.thumb - picture.width) // 2
                    sheet.paste(picture, (left, tiles_y + (height - picture.height) // 2))
            tiles_y += height + measures.gap
        y += row.height(measures) + row_gap
    return sheet


def _wrapped(caption: str, lettering: Lettering, measures: _Measures) -> list[str]:
    """Break a caption at spaces into lines that fit the tiles; the rest after the last line becomes an ellipsis."""
    width = measures.width - 2 * measures.margin
    # A narrow sheet has room for more lines than a wide one needs.
    most = _CAPTION_LINES if measures.across > 1 else 2 * _CAPTION_LINES
    # Prompts can be very long; what no sheet can show is not measured.
    words = lettering.readable(caption[: most * width]).split()
    lines: list[str] = []
    while words and len(lines) < most:
        line = words.pop(0)
        while words and lettering.length(f"{line} {words[0]}") <= width:
            line = f"{line} {words.pop(0)}"
        if lettering.length(line) > width:  # one word that is wider than the sheet
            fitting = _fitting(line, lettering, width)
            words.insert(0, line[fitting:])
            line = line[:fitting]
        lines.append(line)
    if words:
        last = lines[-1]
        while last and lettering.length(f"{last}…") > width:
            last = last[:-1]
        lines[-1] = f"{last.rstrip(' ,;')}…"
    return lines


def _fitting(word: str, lettering: Lettering, width: int) -> int:
    """Return how many characters of a word fit, at least one."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        if lettering.length(word[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    return low
