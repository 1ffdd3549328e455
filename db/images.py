"""The life of an image: tried, then done or failed.

    (no row) ─begin──> drawing ──record──> done          done is final, except after a lost file (`Upkeep.take_back`)
                          │  └──give up──> failed        failed becomes drawing again only by `Batches.retry_failed`

Images are locked in the order of their seeds, and before the rows that count them (`db.counts`).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, func, select, update

from db.attempts import note_attempts, reserve
from db.column_types import now_utc
from db.counts import count_image, recount
from db.recipe_rows import insert_into
from db.slices import WANTED
from db.tables import batches, engines, images, recipes, slices, variants
from db.values import ImageRecord, ImageStatus, Recorded, Standing

_DRAWING = str(ImageStatus.DRAWING)
_DONE = str(ImageStatus.DONE)
_FAILED = str(ImageStatus.FAILED)

_MEASURED = (
    "path",
    "size_bytes",
    "sha256",
    "pixels_sha256",
    "truncated_tokens",
    "nsfw_flagged",
    "concept_scores",
    "queue_wait_ms",
    "text_encode_ms",
    "denoise_ms",
    "num_unet_calls",
    "decode_ms",
    "safety_ms",
    "encode_ms",
    "save_ms",
    "phash",
    "constant",
    "brightness",
    "contrast",
    "sharpness",
    "near_duplicate_of",
    "clip_score",
    "clip_model",
)


def record_and_go_on(
    connection: Connection, record: ImageRecord, *, begun: int | None, upcoming: int | None
) -> Recorded:
    """Mark an image done, count an attempt at another seed of its slice, and reserve a third."""
    wanted = connection.execute(
        _wanted_statement(), {"slice_id": record.slice_id, "engine_id": record.engine_id}
    ).scalar()
    changed: Row[Any] | None = None
    noted: dict[int, int] = {}
    after = Standing()
    # In the order of seeds, as everywhere that locks several images, and the slice's count after both.
    for seed in sorted(s for s in {record.seed, begun, upcoming} if s is not None):
        if seed == record.seed:
            changed = _write_done(connection, record)
        elif seed == upcoming:
            after = reserve(connection, record.recipe_id, seed, slice_id=record.slice_id)
        else:
            noted = note_attempts(
                connection,
                record.recipe_id,
                [seed],
                engine_id=record.engine_id,
                slice_id=record.slice_id,
            )
    if changed is not None:
        count_image(connection, changed.slice_id, "done")
        if changed.error is not None:
            _clear_errors(connection, changed.recipe_id)
    return Recorded(new=changed is not None, wanted=bool(wanted), begun=noted, upcoming=after)


def path_of(connection: Connection, recipe_id: int, seed: int) -> str | None:
    """Return the path of a done image, None if it is not done."""
    return connection.execute(
        select(images.c.path).where(
            images.c.recipe_id == recipe_id, images.c.seed == seed, images.c.status == _DONE
        )
    ).scalar()


def noted_path(connection: Connection, recipe_id: int, seed: int) -> str | None:
    """Return the path in an image's row; one that was done before has one."""
    is_own = and_(images.c.recipe_id == recipe_id, images.c.seed == seed)
    return connection.execute(select(images.c.path).where(is_own)).scalar()


def is_anothers(connection: Connection, path: str, recipe_id: int, seed: int) -> bool:
    """Whether a path is that of another done image."""
    is_own = and_(images.c.recipe_id == recipe_id, images.c.seed == seed)
    found = select(images.c.id).where(images.c.path == path, images.c.status == _DONE, ~is_own)
    return connection.execute(found.limit(1)).first() is not None


def replace_done(connection: Connection, record: ImageRecord) -> bool:
    """Replace the row of a done image by that of another drawing at the same path; return whether it was replaced."""
    changed = connection.execute(
        update(images)
        .where(
            images.c.recipe_id == record.recipe_id,
            images.c.seed == record.seed,
            images.c.status == _DONE,
            images.c.path == record.path,
        )
        .values(engine_id=record.engine_id, **{n: getattr(record, n) for n in _MEASURED})
    )
    return changed.rowcount > 0


def _write_done(connection: Connection, record: ImageRecord) -> Row[Any] | None:
    """Write and return the image's row; None if it was already done."""
    row = {
        "recipe_id": record.recipe_id,
        "seed": record.seed,
        "status": _DONE,
        "attempts": 1,
        "slice_id": record.slice_id,
        "engine_id": record.engine_id,
        "finished_at": now_utc(),
        **{name: getattr(record, name) for name in _MEASURED},
    }
    return connection.execute(_record_statement(connection.dialect.name), row).first()


def _clear_errors(connection: Connection, recipe_id: int) -> None:
    """Clear the errors of images that were drawn after all, perhaps after they were given up."""
    connection.execute(
        update(images)
        .where(
            images.c.recipe_id == recipe_id,
            images.c.status == _DONE,
            images.c.error.is_not(None),
        )
        .values(error=None)
    )
    recount(connection, [recipe_id])


def record_failure(
    connection: Connection,
    recipe_id: int,
    seed: int,
    *,
    slice_id: int,
    engine_id: int | None,
    error: str,
    final: bool,
) -> None:
    """Record why an image was not drawn. An image that is done in the meantime stays done.

    engine_id: the engine that failed; None keeps the one that the attempt was noted with.
    final: give the image up.
    """
    row = {
        "recipe_id": recipe_id,
        "seed": seed,
        "status": _FAILED if final else _DRAWING,
        "attempts": 1,
        "slice_id": slice_id,
        "engine_id": engine_id,
        "finished_at": now_utc() if final else None,
        "error": error,
    }
    changed = connection.execute(_failure_statement(connection.dialect.name), row).first()
    if changed is not None and final:
        count_image(connection, slice_id, "failed")


# Building these takes longer than running them, so each is built only once.


@cache
def _wanted_statement() -> Any:
    # The engine's variant, which differs from the recipe's if that is `any`.
    drawing = variants.alias()
    return (
        select(and_(WANTED, drawing.c.paused_since.is_(None)))
        .join_from(slices, batches)
        .join(recipes, recipes.c.id == slices.c.recipe_id)
        .join(variants, variants.c.id == recipes.c.variant_id)
        .join(engines, engines.c.id == bindparam("engine_id"))
        .outerjoin(drawing, drawing.c.id == engines.c.variant_id)
        .where(slices.c.id == bindparam("slice_id"))
    )


@cache
def _record_statement(dialect: str) -> Any:
    statement = insert_into(dialect, images)
    replaced = ("status", "slice_id", "engine_id", "finished_at", *_MEASURED)
    return statement.on_conflict_do_update(
        index_elements=["recipe_id", "seed"],
        set_={
            **{name: statement.excluded[name] for name in replaced},
            # An attempt that was forgiven at a stop came to something after all.
            "attempts": case((images.c.attempts < 1, 1), else_=images.c.attempts),
        },
        where=images.c.status != _DONE,
    ).returning(images.c.slice_id, images.c.recipe_id, images.c.error)


@cache
def _failure_statement(dialect: str) -> Any:
    statement = insert_into(dialect, images)
    replaced = ("status", "slice_id", "finished_at", "error")
    # The caller may not know the engine, which was stored with the attempt.
    engine_id = func.coalesce(statement.excluded.engine_id, images.c.engine_id)
    return statement.on_conflict_do_update(
        index_elements=["recipe_id", "seed"],
        set_={**{name: statement.excluded[name] for name in replaced}, "engine_id": engine_id},
        where=images.c.status == _DRAWING,
    ).returning(images.c.id)
