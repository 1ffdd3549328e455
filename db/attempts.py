"""Attempts at images: each is counted before it begins, so that one that kills its engine counts too."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, select, update

from db.column_types import now_utc
from db.recipe_rows import insert_into
from db.tables import batches, images, slices
from db.values import ImageStatus


def note_attempts(
    connection: Connection,
    recipe_id: int,
    seeds: Sequence[int],
    *,
    engine_id: int,
    slice_id: int | None,
) -> dict[int, int]:
    """Count an attempt at each image that is not settled; return seed -> attempts of these, including this one."""
    if not seeds:
        return {}
    rows = [
        {
            "recipe_id": recipe_id,
            "seed": seed,
            "status": str(ImageStatus.DRAWING),
            "attempts": 1,
            "slice_id": slice_id,
            "engine_id": engine_id,
        }
        for seed in sorted(set(seeds))
    ]
    # A single row does not need the overhead of many.
    noted = connection.execute(
        _note_statement(connection.dialect.name), rows[0] if len(rows) == 1 else rows
    )
    return {row.seed: row.attempts for row in noted}


def mark_started(connection: Connection, slice_id: int) -> None:
    """Record when a batch's first image was tried, unless recorded before."""
    batch_id = select(slices.c.batch_id).where(slices.c.id == slice_id).scalar_subquery()
    connection.execute(
        update(batches)
        .where(batches.c.id == batch_id, batches.c.started_at.is_(None))
        .values(started_at=now_utc())
    )


def forgive_attempt(connection: Connection, recipe_id: int, seed: int) -> None:
    """Take back an attempt that was not the image's fault: a full disk, a graceful stop."""
    connection.execute(
        update(images)
        .where(
            images.c.recipe_id == recipe_id,
            images.c.seed == seed,
            images.c.status == str(ImageStatus.DRAWING),
            images.c.attempts > 0,
        )
        .values(attempts=images.c.attempts - 1)
    )


@cache  # building it takes longer than running it
def _note_statement(dialect: str) -> Any:
    statement = insert_into(dialect, images)
    return statement.on_conflict_do_update(
        index_elements=["recipe_id", "seed"],
        set_={
            "attempts": images.c.attempts + 1,
            "engine_id": statement.excluded.engine_id,
            "slice_id": statement.excluded.slice_id,
        },
        where=images.c.status == str(ImageStatus.DRAWING),
    ).returning(images.c.seed, images.c.attempts)
