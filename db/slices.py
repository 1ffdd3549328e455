"""Slices: which are open, and the progress of each."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, select

from db.recipe_rows import RECIPE_COLUMNS, all_variants, recipe_of, variant_of
from db.tables import batches, images, recipes, slices, variants
from db.values import BatchState, ImageStatus, Slice, SliceProgress, SliceRef
from sdq_core.images.filing import Filing
from sdq_core.values.seeds import parse_seeds

#: Condition on a slice joined with its batch, recipe and variant: it is wanted now.
WANTED = and_(batches.c.state == str(BatchState.ACTIVE), variants.c.paused_since.is_(None))


def open_slices(
    connection: Connection,
    *,
    after_id: int = 0,
    limit: int | None = None,
    batch_id: int | None = None,
) -> list[SliceRef]:
    """List unfinished slices of active batches, except those of paused variants, by id."""
    drawable = {
        row["id"]: variant_of(row)
        for row in connection.execute(all_variants()).mappings()
        if row["paused_since"] is None
    }
    query = (
        select(slices.c.id, slices.c.batch_id, recipes.c.variant_id)
        .join_from(slices, recipes)
        .join(batches, batches.c.id == slices.c.batch_id)
        .where(
            slices.c.finished_at.is_(None),
            slices.c.id > after_id,
            batches.c.state == str(BatchState.ACTIVE),
            recipes.c.variant_id.in_(drawable),
        )
        .order_by(slices.c.id)
        .limit(limit)
    )
    if batch_id is not None:
        query = query.where(slices.c.batch_id == batch_id)
    return [
        SliceRef(id=slice_id, batch_id=of_batch, variant=drawable[variant_id])
        for slice_id, of_batch, variant_id in connection.execute(query)
    ]


def load_slice(connection: Connection, slice_id: int) -> Slice | None:
    """Return a slice with its recipe, None if there is none."""
    query = (
        select(
            slices.c.id,
            slices.c.batch_id,
            batches.c.name.label("batch_name"),
            WANTED.label("wanted"),
            slices.c.entry,
            slices.c.recipe_id,
            slices.c.seeds,
            slices.c.fields,
            slices.c.created_at,
            slices.c.finished_at,
            batches.c.options.label("batch_options"),
            *RECIPE_COLUMNS,
        )
        .join_from(slices, recipes)
        .join(variants, variants.c.id == recipes.c.variant_id)
        .join(batches, batches.c.id == slices.c.batch_id)
        .where(slices.c.id == slice_id)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return Slice(
        id=row["id"],
        batch_id=row["batch_id"],
        batch_name=row["batch_name"],
        wanted=bool(row["wanted"]),
        entry=row["entry"],
        recipe_id=row["recipe_id"],
        recipe=recipe_of(row),
        seeds=tuple(parse_seeds(row["seeds"])),
        fields=row["fields"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        filing=Filing.of(row["batch_options"]),
    )


def progress(connection: Connection, slice_: Slice) -> SliceProgress:
    """Return which of the slice's seeds are settled, how often each was tried, and which were begun for it."""
    seeds = set(slice_.seeds)
    rows = connection.execute(
        select(
            images.c.seed,
            images.c.status,
            images.c.attempts,
            images.c.slice_id,
            images.c.engine_id,
        ).where(
            images.c.recipe_id == slice_.recipe_id,
            images.c.seed.between(min(seeds), max(seeds)),
        )
    )
    tried = [row for row in rows if row.seed in seeds]
    return SliceProgress(
        settled={
            row.seed: ImageStatus(row.status) for row in tried if row.status != ImageStatus.DRAWING
        },
        attempts={row.seed: row.attempts for row in tried},
        begun=frozenset(
            row.seed for row in tried if row.engine_id is not None and row.slice_id == slice_.id
        ),
    )


def has_failed(batch_id: int) -> ColumnElement[bool]:
    """Return the condition on a batch's slices with failed images, of which there are few."""
    # The sum leaves databases only the index of such slices; SQLite would take another, with all slices of the batch.
    return and_(slices.c.batch_id + 0 == batch_id, slices.c.failed > 0)
