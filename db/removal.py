"""Removes a batch, a page of its slices at a time.

An image that another batch asks for stays, with its file, wherever that is. A page is one transaction. A batch that is
removed in part still exists under its name, so an interrupted caller can continue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Row, RowMapping, Table, delete, select, update

from db.measures import free_near_duplicates
from db.own_paths import OwnPaths
from db.tables import batches, images, notices, recipes, slices
from db.values import BatchState, ImageStatus, PrunedPage
from db.walk import images_of, parts, slices_after
from sdq_core.errors import TryAgainError
from sdq_core.images.filing import Filing
from sdq_core.images.path import is_beside
from sdq_core.values.seeds import parse_seeds

#: Some 50,000 images: few enough for memory and for whoever waits to write, many enough that commits cost little.
SLICES_PER_TRANSACTION = 2000

_IMAGE_COLUMNS = (
    images.c.id,
    images.c.recipe_id,
    images.c.seed,
    images.c.status,
    images.c.path,
)


def begin(connection: Connection, batch_id: int) -> None:
    """Cancel a batch, so that nobody draws for it, and let a repeated submission add what is missing."""
    connection.execute(
        update(batches)
        .where(batches.c.id == batch_id)
        .values(state=str(BatchState.CANCELLED), plan_key="")
    )


def remove_page(connection: Connection, batch_id: int) -> PrunedPage:
    """Remove the next slices of a cancelled batch, and finally the batch; the caller holds the submission lock.

    Raises TryAgainError if the batch was submitted again in the meantime.
    """
    batch = connection.execute(
        select(batches.c.name, batches.c.state, batches.c.options).where(batches.c.id == batch_id)
    ).first()
    if batch is None:
        return PrunedPage(images=0, paths=(), last=True)
    if batch.state != BatchState.CANCELLED:
        raise TryAgainError(
            "The batch was submitted again in the meantime. The rest of it is kept. Run `sdq prune` again to remove it."
        )
    slice_rows = slices_after(connection, batch_id, 0, 0, SLICES_PER_TRANSACTION)
    if not slice_rows:
        connection.execute(delete(notices).where(notices.c.batch_id == batch_id))
        connection.execute(delete(batches).where(batches.c.id == batch_id))
        return PrunedPage(images=0, paths=(), last=True)
    recipe_ids = sorted({slice_.recipe_id for slice_ in slice_rows})
    going = _images_of(connection, slice_rows)
    wanted_by = wanted_elsewhere(connection, batch_id, going)
    unwanted: list[RowMapping] = []
    spares: list[str] = []
    own_paths = OwnPaths(connection, batch.name, Filing.of(batch.options), slice_rows)
    for image in going:
        other = wanted_by.get((image["recipe_id"], image["seed"]))
        is_done = image["status"] == ImageStatus.DONE
        own_path = own_paths.path(image["recipe_id"], image["seed"])
        # Beside its own path it is if somebody else's file was there.
        if is_done and image["path"] != own_path and not is_beside(image["path"], own_path):
            spares.append(own_path)
        if other is None:
            unwanted.append(image)
        else:
            moved = {"slice_id": other} if is_done else {"slice_id": other, "engine_id": None}
            connection.execute(update(images).where(images.c.id == image["id"]).values(moved))
    unwanted_ids = [image["id"] for image in unwanted]
    free_near_duplicates(connection, unwanted_ids)
    _delete(connection, images, images.c.id, unwanted_ids)
    _delete(connection, slices, slices.c.id, [slice_.id for slice_ in slice_rows])
    delete_unused_recipes(connection, recipe_ids)
    done = [image["path"] for image in unwanted if image["status"] == ImageStatus.DONE]
    kept = _paths_of_others(connection, spares)
    return PrunedPage(
        images=len(done),
        paths=tuple(done),
        spares=tuple(path for path in spares if path not in kept),
        last=False,
    )


def _paths_of_others(connection: Connection, paths: Sequence[str]) -> set[str]:
    """Return which paths are those of images: a removed batch of the same name may have left them to other batches."""
    return {
        path
        for some in parts(paths)
        for path in connection.scalars(select(images.c.path).where(images.c.path.in_(some)))
    }


def _images_of(connection: Connection, slice_rows: Sequence[Row[Any]]) -> list[RowMapping]:
    """Return the images that the slices ask for or that were tried for them."""
    found = {row["id"]: row for row in images_of(connection, slice_rows, _IMAGE_COLUMNS)}
    for some in parts([slice_.id for slice_ in slice_rows]):
        tried = select(*_IMAGE_COLUMNS).where(images.c.slice_id.in_(some))
        found.update((row["id"], row) for row in connection.execute(tried).mappings())
    return list(found.values())


def wanted_elsewhere(
    connection: Connection, batch_id: int, going: Iterable[RowMapping]
) -> dict[tuple[int, int], int]:
    """Return those of the images (recipe id, seed) that other batches ask for, each with one slice that does."""
    seeds: dict[int, set[int]] = {}
    for image in going:
        seeds.setdefault(image["recipe_id"], set()).add(image["seed"])
    wanted: dict[tuple[int, int], int] = {}
    for some in parts(sorted(seeds)):
        for other in connection.execute(
            select(slices.c.id, slices.c.recipe_id, slices.c.seeds).where(
                slices.c.recipe_id.in_(some), slices.c.batch_id != batch_id
            )
        ):
            for seed in seeds[other.recipe_id].intersection(parse_seeds(other.seeds)):
                wanted[other.recipe_id, seed] = other.id
    return wanted


def delete_unused_recipes(connection: Connection, recipe_ids: Sequence[int]) -> None:
    """Delete those of some recipes that no batch asks for and that have no images."""
    asked_for = select(slices.c.id).where(slices.c.recipe_id == recipes.c.id).exists()
    tried = select(images.c.id).where(images.c.recipe_id == recipes.c.id).exists()
    for some in parts(recipe_ids):
        connection.execute(delete(recipes).where(recipes.c.id.in_(some), ~asked_for, ~tried))


def _delete(connection: Connection, table: Table, column: Column[Any], ids: Sequence[int]) -> None:
    for some in parts(ids):
        connection.execute(delete(table).where(column.in_(some)))
