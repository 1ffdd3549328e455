"""What there is to do: open slices, and what the user wants of batches and variants."""

from __future__ import annotations

from sqlalchemy import Connection, and_, select, update

from db.column_types import now_utc
from db.recipe_rows import RECIPE_COLUMNS, add_variants, all_variants, recipe_of, variant_of
from db.tables import batches, images, recipes, slices, variants
from db.values import BatchState, ImageStatus, PausedVariant, Slice, SliceProgress, SliceRef
from sdq_core.errors import InputMissingError
from sdq_core.values.seeds import parse_seeds
from sdq_core.values.variants import RecipeVariant, Variant

#: Of a slice joined with its batch, recipe and variant: somebody wants it drawn now.
WANTED = and_(batches.c.state == str(BatchState.ACTIVE), variants.c.paused_since.is_(None))


def open_slices(
    connection: Connection,
    *,
    after_id: int = 0,
    limit: int | None = None,
    batch_id: int | None = None,
) -> list[SliceRef]:
    """List unfinished slices of active batches, without those of paused variants, by id."""
    drawable = {
        row["id"]: variant_of(row)
        for row in connection.execute(all_variants()).mappings()
        if row["paused_since"] is None
    }
    query = (
        select(slices.c.id, recipes.c.variant_id)
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
        SliceRef(id=slice_id, variant=drawable[variant_id])
        for slice_id, variant_id in connection.execute(query)
    ]


def load_slice(connection: Connection, slice_id: int) -> Slice | None:
    """Give a slice with its recipe, or None when there is none."""
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
    )


def progress(connection: Connection, slice_: Slice) -> SliceProgress:
    """Give which of the slice's seeds are settled, and how often each was tried."""
    seeds = set(slice_.seeds)
    rows = connection.execute(
        select(images.c.seed, images.c.status, images.c.attempts).where(
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
    )


def set_batch_state(connection: Connection, batch_id: int, state: BatchState) -> None:
    """Make a batch active, paused or cancelled."""
    connection.execute(update(batches).where(batches.c.id == batch_id).values(state=str(state)))


def pause_variant(connection: Connection, variant: str | Variant, reason: str) -> None:
    """Hold a variant back; a second reason does not replace the first.

    By its key it must be known, or InputMissingError is raised; one that draws may not have been asked for by name yet.
    """
    if isinstance(variant, Variant):
        add_variants(connection, [variant])
    key = variant if isinstance(variant, str) else variant.key
    _known_variant(connection, key)
    connection.execute(
        update(variants)
        .where(variants.c.key == key, variants.c.paused_since.is_(None))
        .values(paused_since=now_utc(), pause_reason=reason)
    )


def resume_variant(connection: Connection, key: str) -> bool:
    """Let a variant be drawn again; give whether it was paused. Raise InputMissingError for an unknown key."""
    _known_variant(connection, key)
    result = connection.execute(
        update(variants)
        .where(variants.c.key == key, variants.c.paused_since.is_not(None))
        .values(paused_since=None, pause_reason=None)
    )
    return result.rowcount > 0


def known_variants(connection: Connection) -> dict[str, RecipeVariant]:
    """Give every variant by its key."""
    return {row["key"]: variant_of(row) for row in connection.execute(all_variants()).mappings()}


def paused_variants(connection: Connection) -> list[PausedVariant]:
    """List the variants that are held back, the longest first."""
    query = all_variants().where(variants.c.paused_since.is_not(None))
    return [
        PausedVariant(
            variant=variant_of(row), reason=row["pause_reason"], since=row["paused_since"]
        )
        for row in connection.execute(query.order_by(variants.c.paused_since)).mappings()
    ]


def _known_variant(connection: Connection, key: str) -> None:
    if connection.execute(select(variants.c.id).where(variants.c.key == key)).first() is None:
        raise InputMissingError(f"The ledger knows no variant {key}: nothing was submitted for it.")
