"""Sheets without axes: prompts down and seeds across, or images in an order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from db.columns import Sorting
from db.values import FinishedImage
from sdq.sheets.axis import SETTINGS, Value, axis_named, axis_of
from sdq.sheets.sheet import Grid, Row, Tile

#: What entries of the same prompt may differ in.
_AXES = (axis_named("negative_prompt"), *SETTINGS)
Settings = tuple[Value, ...]


def by_prompt(
    images: Iterable[FinishedImage], outputs: Path, *, rows: int, columns: int, heading: str = ""
) -> Grid:
    """Return a row for each entry with its first images; images come by entry, and none is taken that is not needed.

    Rows of the same prompt say on their left what else was asked for.
    """
    tiles: dict[int, list[Tile]] = {}
    captions: dict[int, str] = {}
    settings: dict[int, set[Settings]] = {}
    for image in images:
        if image.entry not in tiles and len(tiles) == rows:
            break
        captions.setdefault(image.entry, image.recipe.prompt)
        of_entry = tiles.setdefault(image.entry, [])
        if len(of_entry) < columns:
            of_entry.append(Tile(file=outputs / image.image.path))
            settings.setdefault(image.entry, set()).add(tuple(axis.of(image) for axis in _AXES))
    labels = _labels(captions, settings)
    return Grid(
        heading=heading,
        rows=[
            Row(tiles=found, caption=captions[entry], label=labels[entry])
            for entry, found in tiles.items()
        ],
    )


def _labels(prompts: Mapping[int, str], settings: Mapping[int, set[Settings]]) -> dict[int, str]:
    """Return what tells entries of the same prompt apart. settings: those of each entry's images."""
    alike: dict[str, list[int]] = {}
    for entry, prompt in prompts.items():
        alike.setdefault(prompt, []).append(entry)
    labels: dict[int, list[str]] = {entry: [] for entry in prompts}
    for entries in alike.values():
        for number, axis in enumerate(_AXES):
            values = {entry: {one[number] for one in settings[entry]} for entry in entries}
            if len(set[Value]().union(*values.values())) == 1:
                continue
            for entry, own in values.items():
                if len(own) == 1:  # with `--variant any`, one prompt's images may be of several
                    labels[entry].append(axis.label(*own))
    return {entry: " · ".join(said) for entry, said in labels.items()}


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
