"""What stands on a sheet: grids of rows of tiles, with their texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Tile:
    """An image. file: None leaves the tile empty. note: stands below it."""

    file: Path | None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Tiles side by side.

    caption: stands above them.
    label: stands on their left.
    """

    tiles: Sequence[Tile]
    caption: str = ""
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Rows below each other; in a PDF each grid begins a page.

    heading: stands above them, in larger letters.
    columns: stand above the tiles of all rows.
    """

    rows: Sequence[Row]
    heading: str = ""
    columns: Sequence[str] = ()
