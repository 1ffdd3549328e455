"""Checks and repairs the ledger, and removes batches, for `sdq verify` and `sdq prune`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, case, func, literal, select, update

from db import removal
from db.column_types import UtcTime, now_utc
from db.connection import SUBMISSION_LOCK, Database
from db.counts import recount
from db.report import batch_id_of
from db.tables import batches, images, slices
from db.values import ImageStatus, PrunedPage, SliceAudit
from db.walk import walk_slices
from sdq_core.values.seeds import parse_seeds


class Upkeep:
    """Finds and repairs inconsistencies, and removes batches.

    All changes are durable and may be repeated, even after an interruption. Removing a page of a batch excludes
    submissions. Methods take a batch's name or id; an unknown one raises InputMissingError.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def audited_slices(self, batch: str | int) -> Iterator[SliceAudit]:
        """Yield a batch's slices, each with its seeds that are not settled, a page at a time."""
        with self._database.reading() as connection:
            batch_id = batch_id_of(connection, batch)
        return walk_slices(self._database, batch_id, _audited)

    def counts_agree(self, batch: str | int) -> bool:
        """Whether a batch's counts are the sums of its slices'."""
        with self._database.reading() as connection:
            batch_id = batch_id_of(connection, batch)
            return _summed_counts(connection, batch_id) == _kept_counts(connection, batch_id)

    def recount(self, batch: str | int) -> None:
        """Recompute a batch's counts: its slices' from the images, the batch's from its slices."""
        with self._database.writing(durable=True) as connection:
            _recount_batch(connection, batch_id_of(connection, batch))

    def take_back(self, keys: Iterable[tuple[int, int]]) -> int:
        """Reset done images (recipe id, seed) to no attempts; return how many.

        Their slices are open afterwards, in every batch that asks for them. For images whose file is lost: they are
        drawn again, with the same pixels.
        """
        seeds_of: dict[int, set[int]] = {}
        for recipe_id, seed in keys:
            seeds_of.setdefault(recipe_id, set()).add(seed)
        with self._database.writing(durable=True) as connection:
            taken = sum(
                _take_back(connection, recipe, seeds_of[recipe]) for recipe in sorted(seeds_of)
            )
            recount(connection, seeds_of)
            return taken

    def begin_pruning(self, batch: str | int) -> int:
        """Cancel a batch before removing it; return its id."""
        with self._database.writing(durable=True, lock=SUBMISSION_LOCK) as connection:
            batch_id = batch_id_of(connection, batch)
            removal.begin(connection, batch_id)
            return batch_id

    def prune_page(self, batch_id: int) -> PrunedPage:
        """Remove some of a batch's slices and images, or the batch if none are left; call it until `last` is True.

        The caller then removes the files that the page names. Raises TryAgainError if the batch was submitted again
        since `begin_pruning`.
        """
        with self._database.writing(durable=True, lock=SUBMISSION_LOCK) as connection:
            return removal.remove_page(connection, batch_id)


def _audited(connection: Connection, slice_rows: Sequence[Row[Any]]) -> Iterator[SliceAudit]:
    recipe_ids = {slice_.recipe_id for slice_ in slice_rows}
    settled: dict[int, dict[int, str]] = {recipe_id: {} for recipe_id in recipe_ids}
    rows = connection.execute(
        select(images.c.recipe_id, images.c.seed, images.c.status).where(
            images.c.recipe_id.in_(recipe_ids), images.c.status != str(ImageStatus.DRAWING)
        )
    )
    for recipe_id, seed, status in rows:
        settled[recipe_id][seed] = status
    for slice_ in slice_rows:
        seeds, status_of = parse_seeds(slice_.seeds), settled[slice_.recipe_id]
        yield SliceAudit(
            id=slice_.id,
            entry=slice_.entry,
            finished=slice_.finished_at is not None,
            unsettled=tuple(seed for seed in seeds if seed not in status_of),
            done=tuple(seed for seed in seeds if status_of.get(seed) == ImageStatus.DONE),
        )


def _recount_batch(connection: Connection, batch_id: int) -> None:
    recipe_ids = connection.scalars(
        select(slices.c.recipe_id).where(slices.c.batch_id == batch_id).distinct()
    ).all()
    recount(connection, recipe_ids)
    open_slices, total, done, failed = _summed_counts(connection, batch_id)
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


def _kept_counts(connection: Connection, batch_id: int) -> tuple[int, int, int, int]:
    row = connection.execute(
        select(
            batches.c.open_slices,
            batches.c.images_total,
            batches.c.images_done,
            batches.c.images_failed,
        ).where(batches.c.id == batch_id)
    ).one()
    return row[0], row[1], row[2], row[3]


def _summed_counts(connection: Connection, batch_id: int) -> tuple[int, int, int, int]:
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
