"""The parts of a sheet from its top to its bottom, none of which a page cuts, and how each is painted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from sdq.sheets.measures import Measures
from sdq.sheets.sheet import Grid, Row, Tile
from sdq_core.images.fitted import fitted_picture, fitted_size
from sdq_core.images.lettering import Lettering, Paragraph, wrapped

BACKGROUND = (250, 250, 248)
_EMPTY_TILE = (232, 232, 228)
_INK = (38, 38, 36)
_SOFT_INK = (96, 94, 88)

_CAPTION_LINES = 3
_HEADING_LINES = 2
_COLUMN_LINES = 5
_NOTE_LINES = 2
_LABEL_LINES = 8


@dataclass(frozen=True, kw_only=True)
class Block:
    """height: in pixels. space: above it, in pixels, but not at the top of a page. paint: on an image, at this y."""

    height: int
    space: int
    paint: Callable[[Image.Image, int], None]


class Blocks:
    """Lays out grids.

    unreadable: files that were found to be no images, while they were laid out or painted.
    """

    def __init__(self, measures: Measures, lettering: Lettering) -> None:
        self._measures = measures
        self._lettering = lettering
        self._headings = lettering.of_size(measures.heading_size)
        self.unreadable: set[Path] = set()

    def head_of(self, grid: Grid) -> Sequence[Block]:
        """Return what stands above a grid, on each of its pages."""
        measures = self._measures
        found = []
        if grid.heading:
            size = measures.heading_size
            text = wrapped(grid.heading, self._headings, measures.text_width, _HEADING_LINES)
            line = round(size * 1.35)

            def paint_heading(on: Image.Image, y: int) -> None:
                place = (measures.margin, y, measures.text_width)
                _paint(on, self._headings, text, place, line, _INK)

            found.append(Block(height=line * len(text.lines), space=2 * line, paint=paint_heading))
        if grid.columns:
            found.append(self._columns(grid.columns))
        return found

    def rows_of(self, grid: Grid) -> Iterator[Block]:
        """Yield the blocks of a grid's rows."""
        for row in grid.rows:
            yield self._row(row, headed=bool(grid.heading or grid.columns))

    def _columns(self, names: Sequence[str]) -> Block:
        measures = self._measures
        texts = [wrapped(name, self._lettering, measures.thumb, _COLUMN_LINES) for name in names]
        most = max(len(text.lines) for text in texts)

        def paint(on: Image.Image, y: int) -> None:
            for number, text in enumerate(texts):
                below = y + (most - len(text.lines)) * measures.line
                place = (measures.tile_left(number), below, measures.thumb)
                _paint(on, self._lettering, text, place, measures.line, _INK, centred=True)

        return Block(height=most * measures.line, space=measures.line, paint=paint)

    def _row(self, row: Row, *, headed: bool) -> Block:
        measures, lettering = self._measures, self._lettering
        # A narrow sheet has room for more lines than a wide one needs.
        most = _CAPTION_LINES if measures.across > 1 else 2 * _CAPTION_LINES
        caption = wrapped(row.caption, lettering, measures.text_width, most)
        label = wrapped(row.label, lettering, max(measures.label, 1), _LABEL_LINES)
        space = measures.gap * (4 if row.caption or not (headed or row.label) else 1)
        sizes = [self._size(tile) for tile in row.tiles]
        notes = [wrapped(tile.note, lettering, measures.thumb, _NOTE_LINES) for tile in row.tiles]
        above = len(caption.lines) * measures.line + (measures.gap if caption.lines else 0)
        tile_height = max((size[1] for size in sizes if size), default=measures.thumb)
        tile_height = max(tile_height, len(label.lines) * measures.line)
        note_lines = max(len(note.lines) for note in notes)
        below = note_lines * measures.line + (measures.gap // 2 if note_lines else 0)

        def paint(on: Image.Image, y: int) -> None:
            place = (measures.margin, y, measures.text_width)
            _paint(on, lettering, caption, place, measures.line, _INK)
            y += above
            middle = y + (tile_height - len(label.lines) * measures.line) // 2
            _paint(
                on, lettering, label, (measures.margin, middle, measures.label), measures.line, _INK
            )
            for number, (tile, size) in enumerate(zip(row.tiles, sizes, strict=True)):
                box = (measures.tile_left(number), y, measures.thumb, tile_height)
                self._paint_tile(on, tile, size, box)
                foot = (box[0], y + tile_height + measures.gap // 2, measures.thumb)
                _paint(on, lettering, notes[number], foot, measures.line, _SOFT_INK)

        return Block(height=above + tile_height + below, space=space, paint=paint)

    def _size(self, tile: Tile) -> tuple[int, int] | None:
        if tile.file is None:
            return None
        size = fitted_size(tile.file, self._measures.thumb)
        if size is None:
            self.unreadable.add(tile.file)
        return size

    def _paint_tile(
        self,
        on: Image.Image,
        tile: Tile,
        size: tuple[int, int] | None,
        box: tuple[int, int, int, int],
    ) -> None:
        x, y, width, height = box
        picture = fitted_picture(tile.file, size) if tile.file and size else None
        if picture is not None:
            on.paste(
                picture, (x + (width - picture.width) // 2, y + (height - picture.height) // 2)
            )
            return
        if tile.file:
            self.unreadable.add(tile.file)
        ImageDraw.Draw(on).rectangle((x, y, x + width - 1, y + height - 1), fill=_EMPTY_TILE)


def _paint(
    on: Image.Image,
    lettering: Lettering,
    text: Paragraph,
    place: tuple[int, int, int],
    line: int,
    ink: tuple[int, int, int],
    *,
    centred: bool = False,
) -> None:
    """Paint a paragraph. place: its left end, its top and its width. line: the height of a line."""
    x, y, width = place
    for number, words in enumerate(text.lines):
        left = x
        if centred or text.from_right:
            free = width - round(lettering.length(words))
            left += free // 2 if centred else free
        lettering.draw(on, (left, y + number * line), words, ink, from_right=text.from_right)
