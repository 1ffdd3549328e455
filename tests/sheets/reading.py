"""What stands on a sheet, as its tiles' colours tell."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from sdq.sheets.sheet import Grid

EMPTY = (232, 232, 228)
Colour = tuple[int, int, int]


def tiles_of(sheet: Image.Image, side: int) -> list[list[Colour]]:
    """The colours of a sheet's tiles, line by line: squares of one colour that nothing else has."""
    picture = sheet.convert("RGB")
    background = picture.getpixel((0, 0))
    found: list[list[Colour]] = []
    y = 0
    while y < picture.height - side:
        line = []
        x = 0
        while x <= picture.width - side:
            colour = picture.getpixel((x, y))
            assert isinstance(colour, tuple)
            box = picture.crop((x, y, x + side, y + side))
            if colour != background and box.getcolors(1):
                line.append((colour[0], colour[1], colour[2]))
                x += side
            else:
                x += 1
        if line:
            found.append(line)
        y += side if line else 1
    return found


def files_of(grid: Grid) -> list[list[str]]:
    """The names of the files on a grid, without their endings; empty for an empty tile."""
    return [[Path(tile.file).stem if tile.file else "" for tile in row.tiles] for row in grid.rows]
