"""The lengths of a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from sdq.sheets.sheet import Grid
from sdq_core.images.lettering import Lettering

#: Labels on the left take at most so many tiles' widths.
_WIDEST_LABEL = 1.5


@dataclass(frozen=True, kw_only=True)
class Measures:
    """All lengths in pixels, but `across`: the tiles side by side. label: the width of the labels, 0 without any."""

    thumb: int
    across: int
    margin: int
    gap: int
    font_size: int
    label: int = 0

    @property
    def line(self) -> int:
        """The height of a line of text."""
        return round(self.font_size * 1.35)

    @property
    def heading_size(self) -> int:
        """The size of the letters of a heading."""
        return round(self.font_size * 1.5)

    @property
    def tiles_left(self) -> int:
        """Where the first tile begins."""
        return self.margin + (self.label + 2 * self.gap if self.label else 0)

    @property
    def text_width(self) -> int:
        """The width within the margins."""
        return self.width - 2 * self.margin

    @property
    def width(self) -> int:
        """The width of the whole sheet."""
        tiles = self.across * self.thumb + (self.across - 1) * self.gap
        return self.tiles_left + tiles + self.margin

    def tile_left(self, number: int) -> int:
        """Return where a tile begins. number: from 0."""
        return self.tiles_left + number * (self.thumb + self.gap)


def measures_of(grids: Sequence[Grid], thumb: int) -> tuple[Measures, Lettering]:
    """Return the measures of a sheet, and its lettering."""
    font_size = max(11, min(22, thumb // 12))
    lettering = Lettering(font_size)
    labels = {row.label for grid in grids for row in grid.rows if row.label}
    widest = max((lettering.length(lettering.readable(label)) for label in labels), default=0)
    return Measures(
        thumb=thumb,
        across=max(len(row.tiles) for grid in grids for row in grid.rows),
        margin=max(12, thumb // 6),
        gap=max(4, thumb // 24),
        font_size=font_size,
        label=ceil(min(widest, max(_WIDEST_LABEL * thumb, 8 * font_size))),
    ), lettering
