"""Holding the ledger's counts to its images, and taking back images whose files are gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, case, func, literal, select, update

from db.column_types import UtcTime, now_utc
from db.connection import Database
from db.images import recount
from db.tables import batches, images, slices
from db.values import ImageStatus, SliceAudit
from db.walk import walk_slices
from sdq_core.values.seeds import parse_seeds


def audited_slices(database: Database, batch_id: int) -> Iterator[SliceAudit]:
    """Yield a batch's slices, each with those of its seeds that are neither done nor given up."""
    return walk_slices(database, batch_id, _audited)


def _audited(connection: Connection, slice_rows: Sequence[Row[Any]]) -> Iterator[SliceAudit]:
    recipe_ids = {slice_.recipe_id for slice_ in slice_rows}
    settled: dict[int, set[int]] = {recipe_id: set() for recipe_id in recipe_ids}
    rows = connection.execute(
        select(images.c.recipe_id, images.c.seed).where(
            images.c.recipe_id.in_(recipe_ids), images.c.status != str(ImageStatus.DRAWING)
        )
    )
    for recipe_id, seed in rows:
        settled[recipe_id].add(seed)
    for slice_ in slice_rows:
        yield SliceAudit(
            id=slice_.id,
            entry=slice_.entry,
            finished=slice_.finished_at is not None,
            unsettled=tuple(
                seed for seed in parse_seeds(slice_.seeds) if seed not in settled[slice_.recipe_id]
            ),
        )


def counts_agree(connection: Connection, batch_id: int) -> bool:
    """Say whether a batch's counts are the sums of its slices'."""
    return (
        _counts(connection, batch_id)
        == connection.execute(
            select(
                batches.c.open_slices,
                batches.c.images_total,
                batches.c.images_done,
                batches.c.images_failed,
            ).where(batches.c.id == batch_id)
        ).one()
    )


def recount_batch(connection: Connection, batch_id: int) -> None:
    """Count a batch anew, its slices from the images and the batch from its slices."""
    recipe_ids = connection.scalars(
        select(slices.c.recipe_id).where(slices.c.batch_id == batch_id).distinct()
    ).all()
    recount(connection, recipe_ids)
    open_slices, total, done, failed = _counts(connection, batch_id)
    connection.execute(
        update(batches)
        .where(batches.c.id == batch_id)
        .values(
            open_slices=open_slices,
            images_total=total,
            images_done=done,
            images_failed=failed,
            completed_at=None
            if open_slices
            else func.coalesce(batches.c.completed_at, literal(now_utc(), UtcTime())),
        )
    )


def take_back(connection: Connection, keys: Iterable[tuple[int, int]]) -> int:
    """Make done images (recipe id, seed) undone, with no attempts counted; give how many.

    Their slices are open afterwards, in every batch that asks for them. For images whose file is lost: drawn again,
    they are the same.
    """
    seeds_of: dict[int, set[int]] = {}
    for recipe_id, seed in keys:
        seeds_of.setdefault(recipe_id, set()).add(seed)
    count = sum(_take_back(connection, recipe, seeds_of[recipe]) for recipe in sorted(seeds_of))
    recount(connection, seeds_of)
    return count


def _take_back(connection: Connection, recipe_id: int, seeds: Collection[int]) -> int:
    changed = connection.execute(
        update(images)
        .where(
            images.c.recipe_id == recipe_id,
            images.c.seed.in_(seeds),
            images.c.status == str(ImageStatus.DONE),
        )
        .values(status=str(ImageStatus.DRAWING), attempts=0, finished_at=None)
    )
    return int(changed.rowcount)


def _counts(connection: Connection, batch_id: int) -> tuple[int, int, int, int]:
    is_open = slices.c.finished_at.is_(None)
    row = connection.execute(
        select(
            func.coalesce(func.sum(case((is_open, 1), else_=0)), 0),
            func.coalesce(func.sum(slices.c.size), 0),
            func.coalesce(func.sum(case((is_open, 0), else_=slices.c.done)), 0),
            func.coalesce(func.sum(case((is_open, 0), else_=slices.c.failed)), 0),
        ).where(slices.c.batch_id == batch_id)
    ).one()
    return int(row[0]), int(row[1]), int(row[2]), int(row[3])
