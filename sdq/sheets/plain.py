"""Sheets without axes: prompts down and seeds across, or images in an order."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from db.columns import Sorting
from db.values import FinishedImage
from sdq.sheets.axis import axis_of
from sdq.sheets.sheet import Grid, Row, Tile


def by_prompt(
    images: Iterable[FinishedImage], outputs: Path, *, rows: int, columns: int, heading: str = ""
) -> Grid:
    """Return a row for each entry with its first images; images come by entry, and none is taken that is not needed."""
    tiles: dict[int, list[Tile]] = {}
    captions: dict[int, str] = {}
    for image in images:
        if image.entry not in tiles and len(tiles) == rows:
            break
        captions.setdefault(image.entry, image.recipe.prompt)
        of_entry = tiles.setdefault(image.entry, [])
        if len(of_entry) < columns:
            of_entry.append(Tile(file=outputs / image.image.path))
    return Grid(
        heading=heading,
        rows=[Row(tiles=found, caption=captions[entry]) for entry, found in tiles.items()],
    )


def in_order(
    images: Iterable[FinishedImage],
    sorting: Sorting,
    outputs: Path,
    *,
    rows: int,
    columns: int,
    heading: str = "",
) -> Grid:
    """Return the first images of an order, each with what it was sorted by and its place in the batch."""
    axes = [axis_of(key.named) for key in sorting.keys]
    found: list[list[Tile]] = []
    for image in images:
        if not found or len(found[-1]) == columns:
            if len(found) == rows:
                break
            found.append([])
        values = " · ".join(axis.label(axis.of(image)) for axis in axes)
        note = f"{values} · {image.entry}/{image.seed}"
        found[-1].append(Tile(file=outputs / image.image.path, note=note))
    return Grid(heading=heading, rows=[Row(tiles=tiles) for tiles in found])
