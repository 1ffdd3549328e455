"""Contact sheets: many pictures on one, a prompt a row, its seeds across.

Rows with more pictures than fit across go on below. A picture that is missing or cannot be read is an empty tile, so
that a sheet can be made of a batch that is still being drawn.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from sdq.errors import InputError, UsageError
from sdq.images.store import StoredFile, store_file

#: Pixels; wider and higher than this many viewers give up, and JPEG ends at 65,535.
MAX_SIDE = 30_000
#: Three bytes each: 600 MB while the sheet is made.
MAX_PIXELS = 200_000_000

_BACKGROUND = (250, 250, 248)
_EMPTY_TILE = (232, 232, 228)
_INK = (38, 38, 36)
_PALE_INK = (150, 150, 146)
_CAPTION_LINES = 3
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


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
    """Draw the rows' pictures and captions and store them at `out`, a PNG or a JPEG by its ending.

    rows: caption and pictures of each. thumb: the side of a tile in pixels; pictures are fitted into it, never cropped.
    max_across: the most tiles side by side. Raise UsageError for an ending that is neither, InputError for a sheet that
    would be too large, OutputError or StorageError where it cannot be stored.
    """
    file_format = _FORMATS.get(out.suffix.lower())
    if file_format is None:
        raise UsageError(f"a contact sheet is a .png or a .jpg, not {out.name!r}")
    if not 16 <= thumb <= 2048 or max_across < 1:
        raise UsageError("a tile has 16 to 2048 pixels, and at least one stands in a row")
    if not any(pictures for _, pictures in rows):
        raise InputError("there are no images to show on a contact sheet")
    measures = _Measures(
        thumb=thumb,
        across=min(max_across, max(len(pictures) for _, pictures in rows)),
        margin=max(12, thumb // 6),
        gap=max(4, thumb // 24),
        font_size=max(11, min(22, thumb // 12)),
    )
    font = ImageFont.load_default(measures.font_size)
    captions = [_wrapped(caption, font, measures) for caption, _ in rows]
    sheet = _drawn(rows, captions, font, measures)
    buffer = io.BytesIO()
    if file_format == "JPEG":
        sheet.save(buffer, file_format, quality=90)
    else:
        sheet.save(buffer, file_format)
    return store_file(buffer.getvalue(), out)


def _drawn(
    rows: Sequence[tuple[str, Sequence[Path]]],
    captions: Sequence[Sequence[str]],
    font: _Font,
    measures: _Measures,
) -> Image.Image:
    row_gap = measures.gap * 3
    heights = [
        _row_height(len(pictures), len(lines), measures)
        for (_, pictures), lines in zip(rows, captions, strict=True)
    ]
    size = (measures.width, 2 * measures.margin + sum(heights) + row_gap * (len(rows) - 1))
    if max(size) > MAX_SIDE or size[0] * size[1] > MAX_PIXELS:
        raise InputError(
            f"the contact sheet would have {size[0]}x{size[1]} pixels; use smaller tiles or fewer images"
        )
    sheet = Image.new("RGB", size, _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    y = measures.margin
    for (_, pictures), lines, height in zip(rows, captions, heights, strict=True):
        caption_y = y
        for text in lines:
            draw.text((measures.margin, caption_y), text, fill=_INK, font=font)
            caption_y += measures.line
        tiles_y = caption_y + (measures.gap if lines else 0)
        for number, path in enumerate(pictures):
            down, across = divmod(number, measures.across)
            step = measures.thumb + measures.gap
            corner = (measures.margin + across * step, tiles_y + down * step)
            _tile(sheet, draw, path, corner, font, measures.thumb)
        y += height + row_gap
    return sheet


def _row_height(pictures: int, lines: int, measures: _Measures) -> int:
    down = -(-pictures // measures.across)
    caption = lines * measures.line + (measures.gap if lines else 0)
    return caption + down * measures.thumb + max(0, down - 1) * measures.gap


def _tile(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    path: Path,
    corner: tuple[int, int],
    font: _Font,
    thumb: int,
) -> None:
    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (thumb, thumb))  # JPEG: decodes no more than is shown
            scaled = picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        scaled = None
    x, y = corner
    if scaled is None:
        draw.rectangle((x, y, x + thumb - 1, y + thumb - 1), fill=_EMPTY_TILE)
        draw.text((x + thumb / 2, y + thumb / 2), "–", fill=_PALE_INK, font=font, anchor="mm")
        return
    scale = thumb / max(scaled.size)
    size = (max(1, round(scaled.width * scale)), max(1, round(scaled.height * scale)))
    if size != scaled.size:
        scaled = scaled.resize(size, Image.Resampling.LANCZOS)
    sheet.paste(scaled, (x + (thumb - size[0]) // 2, y + (thumb - size[1]) // 2))


def _wrapped(caption: str, font: _Font, measures: _Measures) -> list[str]:
    """Break a caption at spaces into lines that fit the tiles; what is left after the last line becomes an ellipsis."""
    width = measures.width - 2 * measures.margin
    # A narrow sheet has room for more lines than a wide one needs.
    most = _CAPTION_LINES if measures.across > 1 else 2 * _CAPTION_LINES
    # What no sheet can show need not be measured, and prompts can be very long.
    words = caption[: most * width].split()
    lines: list[str] = []
    while words and len(lines) < most:
        line = words.pop(0)
        while words and font.getlength(f"{line} {words[0]}") <= width:
            line = f"{line} {words.pop(0)}"
        if font.getlength(line) > width:  # one word that is wider than the sheet
            fitting = _fitting(line, font, width)
            words.insert(0, line[fitting:])
            line = line[:fitting]
        lines.append(line)
    if words:
        last = lines[-1]
        while last and font.getlength(f"{last}…") > width:
            last = last[:-1]
        lines[-1] = f"{last.rstrip(' ,;')}…"
    return lines


def _fitting(word: str, font: _Font, width: int) -> int:
    """Give how many characters of a word fit, one at least."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(word[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    return low
