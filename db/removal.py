"""Removes a batch, a page of its slices at a time.

An image that another batch asks for stays, with its file, wherever that is. A page is one transaction. A batch that is
removed in part still exists under its name, so an interrupted caller can continue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Row, Table, delete, select, update

from db.recipe_rows import KEYS_AT_ONCE
from db.tables import batches, images, recipes, slices
from db.values import BatchState, ImageStatus, PrunedPage
from sdq_core.errors import TryAgainError
from sdq_core.images.path import image_path
from sdq_core.values.seeds import parse_seeds

#: There is no index from recipes to slices, so each page walks them all: a million images take twenty walks.
SLICES_PER_TRANSACTION = 2000


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
        select(batches.c.name, batches.c.state).where(batches.c.id == batch_id)
    ).first()
    if batch is None:
        return PrunedPage(images=0, paths=(), last=True)
    if batch.state != BatchState.CANCELLED:
        raise TryAgainError(
            "The batch was submitted again in the meantime. The rest of it is kept. Run `sdq prune` again to remove it."
        )
    slice_rows = connection.execute(
        select(slices)
        .where(slices.c.batch_id == batch_id)
        .order_by(slices.c.id)
        .limit(SLICES_PER_TRANSACTION)
    ).all()
    if not slice_rows:
        connection.execute(delete(batches).where(batches.c.id == batch_id))
        return PrunedPage(images=0, paths=(), last=True)
    recipe_ids = sorted({slice_.recipe_id for slice_ in slice_rows})
    wanted_by = _wanted_elsewhere(connection, recipe_ids, slice_rows)
    unwanted: list[Any] = []
    spares: list[str] = []
    entries = {slice_.recipe_id: slice_.entry for slice_ in slice_rows}
    for image in _images_of(connection, recipe_ids, slice_rows):
        other = wanted_by.get((image.recipe_id, image.seed))
        own_path = image_path(batch.name, entries[image.recipe_id], image.seed)
        if image.status == ImageStatus.DONE and image.path != own_path:
            spares.append(own_path)
        if other is None:
            unwanted.append(image)
        else:
            connection.execute(update(images).where(images.c.id == image.id).values(slice_id=other))
    _delete(connection, images, images.c.id, (image.id for image in unwanted))
    _delete(connection, slices, slices.c.id, (slice_.id for slice_ in slice_rows))
    _delete_unused_recipes(connection, recipe_ids)
    done = [image.path for image in unwanted if image.status == ImageStatus.DONE]
    return PrunedPage(images=len(done), paths=tuple(done), spares=tuple(spares), last=False)


def _wanted_elsewhere(
    connection: Connection, recipe_ids: Sequence[int], slice_rows: Sequence[Row[Any]]
) -> dict[tuple[int, int], int]:
    """Return the images (recipe id, seed) that other slices ask for, each with one such slice."""
    going = {slice_.id for slice_ in slice_rows}
    wanted: dict[tuple[int, int], int] = {}
    for some in _parts(recipe_ids):
        for other in connection.execute(
            select(slices.c.id, slices.c.recipe_id, slices.c.seeds).where(
                slices.c.recipe_id.in_(some)
            )
        ):
            if other.id not in going:
                wanted.update(
                    {(other.recipe_id, seed): other.id for seed in parse_seeds(other.seeds)}
                )
    return wanted


def _images_of(
    connection: Connection, recipe_ids: Sequence[int], slice_rows: Sequence[Row[Any]]
) -> Iterator[Any]:
    """Yield the images that the slices ask for or that were tried for them."""
    going = {slice_.id for slice_ in slice_rows}
    seeds: dict[int, set[int]] = {recipe_id: set() for recipe_id in recipe_ids}
    for slice_ in slice_rows:
        seeds[slice_.recipe_id].update(parse_seeds(slice_.seeds))
    for some in _parts(recipe_ids):
        for row in connection.execute(
            select(
                images.c.id,
                images.c.recipe_id,
                images.c.seed,
                images.c.slice_id,
                images.c.status,
                images.c.path,
            ).where(images.c.recipe_id.in_(some))
        ).all():
            if row.seed in seeds[row.recipe_id] or row.slice_id in going:
                yield row


def _delete_unused_recipes(connection: Connection, recipe_ids: Sequence[int]) -> None:
    for some in _parts(recipe_ids):
        used = set(
            connection.scalars(select(slices.c.recipe_id).where(slices.c.recipe_id.in_(some)))
        ) | set(connection.scalars(select(images.c.recipe_id).where(images.c.recipe_id.in_(some))))
        _delete(connection, recipes, recipes.c.id, (i for i in some if i not in used))


def _delete(connection: Connection, table: Table, column: Column[Any], ids: Iterable[int]) -> None:
    for some in _parts(list(ids)):
        connection.execute(delete(table).where(column.in_(some)))


def _parts(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    for start in range(0, len(ids), KEYS_AT_ONCE):
        yield ids[start : start + KEYS_AT_ONCE]
