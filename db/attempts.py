"""Attempts at images: each is counted when its engine begins it, so that one that kills its engine counts too."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select, update

from db.column_types import Id, now_utc
from db.recipe_rows import insert_into
from db.tables import batches, engines, images, slices
from db.values import ImageStatus, Standing


def standing(connection: Connection, recipe_id: int, seed: int) -> Standing:
    """Return how an image stands."""
    row = connection.execute(
        _standing_statement(), {"of_recipe": recipe_id, "of_seed": seed}
    ).first()
    if row is None:
        return Standing()
    return Standing(settled=row.status != ImageStatus.DRAWING, slice_id=row.slice_id)


def note_attempts(
    connection: Connection,
    recipe_id: int,
    seeds: Sequence[int],
    *,
    engine_id: int,
    slice_id: int | None,
    instead_of: int | None = None,
) -> dict[int, int]:
    """Count an attempt at each image that is to be drawn; return seed -> attempts of these, including this one.

    Leaves out images that are settled, or that were begun for another slice than `instead_of`.
    """
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
            "instead_of": instead_of,
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


def forgive_worker(connection: Connection, worker: str) -> None:
    """Take back the attempts at the images that a worker died with."""
    of_worker = select(engines.c.id).where(engines.c.worker == worker)
    connection.execute(
        update(images)
        .where(
            images.c.engine_id.in_(of_worker),
            images.c.status == str(ImageStatus.DRAWING),
            images.c.error.is_(None),  # begun and not failed
            images.c.attempts > 0,
        )
        .values(attempts=images.c.attempts - 1)
    )


# Building these takes longer than running them.


@cache
def _standing_statement() -> Any:
    return select(images.c.status, images.c.slice_id).where(
        images.c.recipe_id == bindparam("of_recipe"), images.c.seed == bindparam("of_seed")
    )


@cache
def _note_statement(dialect: str) -> Any:
    statement = insert_into(dialect, images)
    return statement.on_conflict_do_update(
        index_elements=["recipe_id", "seed"],
        set_={
            "attempts": images.c.attempts + 1,
            "engine_id": statement.excluded.engine_id,
            "slice_id": statement.excluded.slice_id,
            "error": None,
        },
        where=and_(
            images.c.status == str(ImageStatus.DRAWING),
            or_(
                images.c.slice_id.is_(None),
                images.c.slice_id == statement.excluded.slice_id,
                images.c.slice_id == bindparam("instead_of", type_=Id),
            ),
        ),
    ).returning(images.c.seed, images.c.attempts)
