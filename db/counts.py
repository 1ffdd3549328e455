"""The counts of images that slices and batches keep.

An open slice has its own counts; a finished one has added them to its batch, so that a status reads few rows.
Rows are always locked in this order: image, slice, batch. With one order there is no deadlock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, case, literal, select, update

from db.column_types import UtcTime, now_utc
from db.notice_rows import note_end
from db.recipe_rows import KEYS_AT_ONCE
from db.tables import batches, images, slices
from db.values import ImageStatus
from sdq_core.values.seeds import parse_seeds


def count_image(connection: Connection, slice_id: int, column: Literal["done", "failed"]) -> None:
    """Count one more image of an open slice; the counts of a finished one come from its images."""
    connection.execute(_count_statement(column), {"of": slice_id})


def finish_slice(connection: Connection, slice_id: int) -> bool:
    """Close a slice if all its images are settled, and add its counts to its batch; return whether it is closed."""
    slice_ = connection.execute(select(slices).where(slices.c.id == slice_id)).first()
    if slice_ is None:
        return False
    if slice_.finished_at is not None:
        return True
    done, failed = _settled_counts(connection, slice_)
    if done + failed < slice_.size:
        return False
    now = now_utc()
    closed = connection.execute(
        update(slices)
        .where(slices.c.id == slice_id, slices.c.finished_at.is_(None))
        .values(finished_at=now, done=done, failed=failed)
    )
    if closed.rowcount:  # not by another worker at the same moment
        completed_at = connection.execute(
            update(batches)
            .where(batches.c.id == slice_.batch_id)
            .values(
                open_slices=batches.c.open_slices - 1,
                images_done=batches.c.images_done + done,
                images_failed=batches.c.images_failed + failed,
                completed_at=case(
                    (batches.c.open_slices == 1, literal(now, UtcTime())), else_=None
                ),
            )
            .returning(batches.c.completed_at)
        ).scalar()
        if completed_at is not None:
            note_end(connection, slice_.batch_id)
    return True


def recount(connection: Connection, recipe_ids: Iterable[int]) -> None:
    """Recompute the counts of recipes' slices and their batches; finished slices may be open afterwards."""
    ordered = sorted(recipe_ids)
    for start in range(0, len(ordered), KEYS_AT_ONCE):  # no index on recipes: one scan for many
        some = ordered[start : start + KEYS_AT_ONCE]
        slice_rows = connection.execute(
            select(slices).where(slices.c.recipe_id.in_(some)).order_by(slices.c.id)
        ).all()
        _recount(connection, slice_rows)


def _recount(connection: Connection, slice_rows: Sequence[Row[Any]]) -> None:
    for slice_ in slice_rows:
        done, failed = _settled_counts(connection, slice_)
        finished = done + failed == slice_.size
        was_finished = slice_.finished_at is not None
        if not was_finished:
            finished = False  # `finish_slice` closes it
        connection.execute(
            update(slices)
            .where(slices.c.id == slice_.id)
            .values(done=done, failed=failed, finished_at=slice_.finished_at if finished else None)
        )
        if not was_finished:
            continue
        change: dict[str, Any] = {
            "images_done": batches.c.images_done + (done if finished else 0) - slice_.done,
            "images_failed": batches.c.images_failed + (failed if finished else 0) - slice_.failed,
        }
        if not finished:
            change.update(open_slices=batches.c.open_slices + 1, completed_at=None)
        connection.execute(update(batches).where(batches.c.id == slice_.batch_id).values(change))


def _settled_counts(connection: Connection, slice_: Any) -> tuple[int, int]:
    seeds = set(parse_seeds(slice_.seeds))
    rows = connection.execute(
        select(images.c.seed, images.c.status).where(
            images.c.recipe_id == slice_.recipe_id,
            images.c.seed.between(min(seeds), max(seeds)),
        )
    )
    counts = Counter(status for seed, status in rows if seed in seeds)
    return counts[str(ImageStatus.DONE)], counts[str(ImageStatus.FAILED)]


@cache  # building it takes longer than running it
def _count_statement(column: str) -> Any:
    return (
        update(slices)
        .where(slices.c.id == bindparam("of"), slices.c.finished_at.is_(None))
        .values({column: slices.c[column] + 1})
    )
