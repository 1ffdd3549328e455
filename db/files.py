"""What the ledger knows about files in a batch's folder, asked for a page of files at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, RowMapping, select

from db.tables import batches, images, slices
from db.values import FileStanding, ImageStatus
from db.walk import images_with
from sdq_core.images.path import image_path
from sdq_core.values.seeds import parse_seeds

_COLUMNS = (images.c.recipe_id, images.c.seed, images.c.status, images.c.path)


def standing_of(
    connection: Connection,
    batch_id: int,
    files: Sequence[tuple[int, int]],
    recipe_of_entry: Mapping[int, int],
) -> tuple[list[tuple[int, int, FileStanding]], dict[int, int]]:
    """Return entry, seed and standing of each file, and the recipe of each entry met.

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
    name = connection.execute(select(batches.c.name).where(batches.c.id == batch_id)).scalar()
    standings: list[tuple[int, int, FileStanding]] = []
    others: list[tuple[int, int, RowMapping | None]] = []
    for entry, seed in files:
        image = found.get((recipes.get(entry, 0), seed))
        done = image is not None and image["status"] == ImageStatus.DONE
        if image is not None and done and image["path"] == image_path(str(name), entry, seed):
            standings.append((entry, seed, FileStanding.EXPECTED))
        else:
            others.append((entry, seed, image))
    asked_for = _asked_for(connection, batch_id, {entry for entry, _, _ in others})
    for entry, seed, image in others:
        standing = FileStanding.UNKNOWN
        if seed in asked_for.get(entry, ()):
            if image is None or image["status"] == ImageStatus.DRAWING:
                standing = FileStanding.EXPECTED
            elif image["status"] == ImageStatus.DONE:
                standing = FileStanding.SPARE
        standings.append((entry, seed, standing))
    return standings, recipes


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
