"""What the ledger knows about files in a batch's folder, asked for a page of files at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, select

from db.own_paths import OwnPaths
from db.tables import batches, images, slices
from db.values import FileStanding, ImageStatus
from db.walk import images_with
from sdq_core.images.filing import Filing
from sdq_core.images.path import image_path, is_beside
from sdq_core.values.seeds import parse_seeds

_COLUMNS = (images.c.recipe_id, images.c.seed, images.c.status, images.c.path)


def standing_of(
    connection: Connection,
    batch_id: int,
    files: Sequence[tuple[int, int]],
    recipe_of_entry: Mapping[int, int],
) -> tuple[list[tuple[int, int, FileStanding]], dict[int, int]]:
    """Return entry, seed and standing of each file, and the recipe of each entry met; of a batch with default paths.

    recipe_of_entry: those of the previous page, whose last entry often goes on in this one.
    """
    recipes = _recipes(connection, batch_id, {entry for entry, _ in files}, recipe_of_entry)
    seeds: dict[int, set[int]] = {}
    for entry, seed in files:
        if entry in recipes:
            seeds.setdefault(recipes[entry], set()).add(seed)
    found = {
        (row["recipe_id"], row["seed"]): row for row in images_with(connection, seeds, _COLUMNS)
    }
    name, filing = _batch(connection, batch_id)
    suffix = filing.image_format.suffix
    standings: list[tuple[int, int, FileStanding]] = []
    others: list[tuple[int, int, RowMapping | None]] = []
    for entry, seed in files:
        image = found.get((recipes.get(entry, 0), seed))
        done = image is not None and image["status"] == ImageStatus.DONE
        if image is not None and done and image["path"] == image_path(name, entry, seed, suffix):
            standings.append((entry, seed, FileStanding.EXPECTED))
        else:
            others.append((entry, seed, image))
    asked_for = _asked_for(connection, batch_id, {entry for entry, _, _ in others})
    for entry, seed, image in others:
        standing = FileStanding.UNKNOWN
        if seed in asked_for.get(entry, ()):
            standing = _standing(image, image_path(name, entry, seed, suffix))
        standings.append((entry, seed, standing))
    return standings, recipes


def standing_at(
    connection: Connection,
    batch_id: int,
    slice_rows: Sequence[Row[Any]],
    paths: Collection[str],
) -> Iterator[tuple[str, FileStanding]]:
    """Yield those of the paths that are own paths of a batch's slices, with what a file there is."""
    own = {
        (recipe_id, seed): path
        for recipe_id, seed, path in OwnPaths(connection, *_batch(connection, batch_id), slice_rows)
        if path in paths
    }
    seeds: dict[int, set[int]] = {}
    for recipe_id, seed in own:
        seeds.setdefault(recipe_id, set()).add(seed)
    found = {
        (row["recipe_id"], row["seed"]): row for row in images_with(connection, seeds, _COLUMNS)
    }
    for image, path in own.items():
        yield path, _standing(found.get(image), path)


def _standing(image: RowMapping | None, path: str) -> FileStanding:
    """Return what a file is at the path that an image has for a batch that asks for it."""
    if image is None or image["status"] == ImageStatus.DRAWING:
        return FileStanding.EXPECTED
    if image["status"] != ImageStatus.DONE:
        return FileStanding.UNKNOWN
    if image["path"] == path:
        return FileStanding.EXPECTED
    # An image is beside its own path if somebody else's file was there.
    return FileStanding.UNKNOWN if is_beside(image["path"], path) else FileStanding.SPARE


def _batch(connection: Connection, batch_id: int) -> tuple[str, Filing]:
    row = connection.execute(
        select(batches.c.name, batches.c.options).where(batches.c.id == batch_id)
    ).first()
    return ("", Filing()) if row is None else (row.name, Filing.of(row.options))


def _recipes(
    connection: Connection, batch_id: int, entries: set[int], known: Mapping[int, int]
) -> dict[int, int]:
    """Return the recipe of each entry that the batch has."""
    recipes = {entry: known[entry] for entry in entries & known.keys()}
    rows = connection.execute(
        select(slices.c.entry, slices.c.recipe_id)
        .where(slices.c.batch_id == batch_id, slices.c.entry.in_(entries - recipes.keys()))
        .distinct()
    )
    recipes.update((entry, recipe_id) for entry, recipe_id in rows)
    return recipes


def _asked_for(connection: Connection, batch_id: int, entries: set[int]) -> dict[int, set[int]]:
    """Return the seeds of the batch's slices, by entry."""
    seeds: dict[int, set[int]] = {}
    if entries:
        for slice_ in connection.execute(
            select(slices.c.entry, slices.c.seeds).where(
                slices.c.batch_id == batch_id, slices.c.entry.in_(entries)
            )
        ):
            seeds.setdefault(slice_.entry, set()).update(parse_seeds(slice_.seeds))
    return seeds
