"""Attempts at images: one is reserved for its slice before an engine is asked for it, and counted when that begins it.

So no two workers draw one image for two slices, and an image that kills its engine or its worker counts, but not the
one that waits behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, or_, select, update

from db.column_types import Id, now_utc
from db.notice_rows import note_start
from db.recipe_rows import insert_into
from db.tables import batches, engines, images, slices
from db.values import ImageStatus, Standing


def reserve(
    connection: Connection,
    recipe_id: int,
    seed: int,
    *,
    slice_id: int,
    instead_of: int | None = None,
) -> Standing:
    """Reserve an image for a slice unless it is settled or another than `instead_of` has it; return how it stands."""
    row = {
        "recipe_id": recipe_id,
        "seed": seed,
        "status": str(ImageStatus.DRAWING),
        "attempts": 0,
        "slice_id": slice_id,
        "instead_of": instead_of,
    }
    statement = _reserve_statement(connection.dialect.name)
    if connection.execute(statement, row).first() is not None:
        return Standing(slice_id=slice_id)
    found = connection.execute(
        select(images.c.status, images.c.slice_id).where(
            images.c.recipe_id == recipe_id, images.c.seed == seed
        )
    ).first()
    if found is None:  # removed in between
        return Standing(settled=True)
    return Standing(settled=found.status != ImageStatus.DRAWING, slice_id=found.slice_id)


def note_attempts(
    connection: Connection,
    recipe_id: int,
    seeds: Sequence[int],
    *,
    engine_id: int,
    slice_id: int | None,
) -> dict[int, int]:
    """Count an attempt at each image that is to be drawn; return seed -> attempts of these, including this one.

    Leaves out images that are settled, or that another slice has.
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
        }
        for seed in sorted(set(seeds))
    ]
    # A single row does not need the overhead of many.
    noted = connection.execute(
        _note_statement(connection.dialect.name), rows[0] if len(rows) == 1 else rows
    )
    return {row.seed: row.attempts for row in noted}


def mark_started(connection: Connection, slice_id: int) -> None:
    """Record when a batch's first image was tried, unless recorded before; it is to be told."""
    batch_id = select(slices.c.batch_id).where(slices.c.id == slice_id).scalar_subquery()
    started = connection.execute(
        update(batches)
        .where(batches.c.id == batch_id, batches.c.started_at.is_(None))
        .values(started_at=now_utc())
        .returning(batches.c.id)
    ).scalar()
    if started is not None:
        note_start(connection, started)


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
def _reserve_statement(dialect: str) -> Any:
    statement = insert_into(dialect, images)
    return statement.on_conflict_do_update(
        index_elements=["recipe_id", "seed"],
        set_={
            "slice_id": statement.excluded.slice_id,
            # What began it for another slice left no file at this one's path.
            "engine_id": case(
                (images.c.slice_id == statement.excluded.slice_id, images.c.engine_id), else_=None
            ),
        },
        where=_is_free(statement, images.c.slice_id == bindparam("instead_of", type_=Id)),
    ).returning(images.c.seed)


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
        where=_is_free(statement),
    ).returning(images.c.seed, images.c.attempts)


def _is_free(statement: Any, *reasons: Any) -> Any:
    """Condition on an image: it is not settled, and no other slice has it, unless for one of the reasons."""
    return and_(
        images.c.status == str(ImageStatus.DRAWING),
        or_(
            images.c.slice_id.is_(None),
            images.c.slice_id == statement.excluded.slice_id,
            *reasons,
        ),
    )
