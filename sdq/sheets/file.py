"""Makes a file of a sheet: one picture, or a PDF page by page."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from PIL import Image

from sdq.sheets.blocks import BACKGROUND, Block, Blocks
from sdq.sheets.measures import Measures, measures_of
from sdq.sheets.sheet import Grid
from sdq_core.errors import InputError, UsageError
from sdq_core.images import formats
from sdq_core.images.store import growing_file, store_file
from sdq_core.values.image_files import ImageFormat

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".pdf": "PDF"}
#: Pixels. Many viewers give up on more than 30,000, and WebP cannot have more.
_MAX_SIDE = {"PNG": 30_000, "JPEG": 30_000, "WEBP": 16_383, "PDF": 30_000}
#: Three bytes each, so 600 MB while the sheet is made.
_MAX_PIXELS = 200_000_000
_QUALITY = 90

#: A4, in inches. It is upright for so many tiles side by side.
_SHORT_SIDE, _LONG_SIDE = 210 / 25.4, 297 / 25.4
_UPRIGHT = 5


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What was made. pages: 1 for a picture. unreadable: how many images could not be read; their tiles are empty."""

    pages: int
    unreadable: int


def sheet_format(out: Path) -> str:
    """Return Pillow's name of a file's format; raise UsageError for one that no sheet has.

    Raise ConfigurationError if this Pillow cannot write it.
    """
    found = _FORMATS.get(out.suffix.lower())
    if found is None:
        raise UsageError(f"A contact sheet is a .png, .jpg, .webp or .pdf file, not {str(out)!r}.")
    if found == "WEBP":
        formats.require(ImageFormat.WEBP)
    return found


def draw_sheet(grids: Sequence[Grid], out: Path, thumb: int) -> Drawn:
    """Draw grids, of which at least one has a tile, into a file whose format is that of its name.

    thumb: the side of a tile in pixels; images are fitted into it, never cropped.

    Raise UsageError for an unknown format, InputError for a sheet that would be too large, OutputError or StorageError
    if it cannot be stored.
    """
    kind = sheet_format(out)
    measures, lettering = measures_of(grids, thumb)
    blocks = Blocks(measures, lettering)
    if kind == "PDF":
        pages = _write_pages(grids, blocks, measures, out)
    else:
        _write_picture(grids, blocks, measures, out, kind)
        pages = 1
    return Drawn(pages=pages, unreadable=len(blocks.unreadable))


def _write_picture(
    grids: Sequence[Grid], blocks: Blocks, measures: Measures, out: Path, kind: str
) -> None:
    all_blocks = [
        block for grid in grids for block in (*blocks.head_of(grid), *blocks.rows_of(grid))
    ]
    buffer = io.BytesIO()
    picture = _painted(all_blocks, measures, kind)
    picture.save(buffer, kind, **({} if kind == "PNG" else {"quality": _QUALITY}))
    store_file(buffer.getvalue(), out)


def _write_pages(grids: Sequence[Grid], blocks: Blocks, measures: Measures, out: Path) -> int:
    """Write a PDF; return the number of its pages."""
    sides = (_LONG_SIDE, _SHORT_SIDE)
    if measures.across <= _UPRIGHT:
        sides = (_SHORT_SIDE, _LONG_SIDE)
    room = round(measures.width * sides[1] / sides[0])
    pages = list(_pages(grids, blocks, measures, room))
    with growing_file(out) as file:
        _Pages(
            lambda number: _painted(pages[number], measures, "PDF", lowest=room), len(pages)
        ).save(
            file,
            "PDF",
            save_all=True,
            resolution=measures.width / sides[0],
            quality=_QUALITY,
            title=out.stem,
            creator=f"sdq {metadata.version('sdq')}",
        )
    return len(pages)


class _Pages(Image.Image):
    """Pages as Pillow saves a picture of several frames. Each is painted when its turn comes, so one is in memory.

    To append each to the file took Pillow longer the more there were: half a minute for 400 pages.
    """

    def __init__(self, paint: Callable[[int], Image.Image], count: int) -> None:
        super().__init__()
        self._paint = paint
        self.n_frames = count
        self._frame = -1
        self.seek(0)

    def seek(self, frame: int) -> None:
        if frame >= self.n_frames:
            raise EOFError
        if frame != self._frame:
            page = self._paint(frame)
            self._mode, self._size, self.im = page.mode, page.size, page.im
            self._frame = frame

    def tell(self) -> int:
        return self._frame


def _pages(
    grids: Sequence[Grid], blocks: Blocks, measures: Measures, room: int
) -> Iterator[Sequence[Block]]:
    """Yield the blocks of each page: as many as there is room for, in pixels, and at least one row."""
    for grid in grids:
        head = blocks.head_of(grid)
        page = list(head)
        for block in blocks.rows_of(grid):
            if len(page) > len(head) and _height([*page, block], measures) > room:
                yield page
                page = list(head)
            page.append(block)
        if len(page) > len(head):
            yield page


def _height(page: Sequence[Block], measures: Measures) -> int:
    blocks = sum(block.height for block in page) + sum(block.space for block in page[1:])
    return 2 * measures.margin + blocks


def _painted(
    page: Sequence[Block], measures: Measures, kind: str, *, lowest: int = 0
) -> Image.Image:
    """Return a picture of blocks; lowest: its least height."""
    size = (measures.width, max(lowest, _height(page, measures)))
    if max(size) > _MAX_SIDE[kind] or size[0] * size[1] > _MAX_PIXELS:
        raise InputError(
            f"The contact sheet would have {size[0]}x{size[1]} pixels, too many for "
            f"a {kind} file. Use smaller tiles (--thumb), fewer rows (--rows), or a .pdf, which has pages."
        )
    picture = Image.new("RGB", size, BACKGROUND)
    y = measures.margin
    for number, block in enumerate(page):
        y += block.space if number else 0
        block.paint(picture, y)
        y += block.height
    return picture
