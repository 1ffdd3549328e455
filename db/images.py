"""One image's life: tried, then done or given up; and the slice and batch that count it.

    (no row) ──note──> drawing ──record──> done          done is for ever, but for a lost file (`db.audit`)
                          │  └──give up──> failed        failed becomes drawing again only by `retry_failed`

A batch and its slices are always locked in this order: image, slice, batch. With one order there is no deadlock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, func, insert, literal, select, update

from db.column_types import UtcTime, now_utc
from db.recipe_rows import KEYS_AT_ONCE, add_variants, insert_into
from db.slices import WANTED
from db.tables import batches, engines, images, recipes, slices, variants
from db.values import EngineRecord, ImageRecord, ImageStatus, Recorded
from sdq_core.values.seeds import parse_seeds

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
)


#: What an engine's row holds of its record beside the variant.
ENGINE_FIELDS = tuple(name for name in EngineRecord.__dataclass_fields__ if name != "variant")


def register_engine(connection: Connection, record: EngineRecord) -> int:
    """Store a started engine and give the id that its images refer to."""
    variant_id = add_variants(connection, [record.variant])[record.variant]
    values = {name: getattr(record, name) for name in ENGINE_FIELDS}
    statement = insert(engines).values(**values, variant_id=variant_id, started_at=now_utc())
    return int(connection.execute(statement.returning(engines.c.id)).scalar_one())


def note_attempts(
    connection: Connection,
    recipe_id: int,
    seeds: Sequence[int],
    *,
    engine_id: int,
    slice_id: int | None,
) -> dict[int, int]:
    """Count an attempt at each image that is not settled yet, and give those with their attempts, this one included."""
    if not seeds:
        return {}
    rows = [
        {
            "recipe_id": recipe_id,
            "seed": seed,
            "status": _DRAWING,
            "attempts": 1,
            "slice_id": slice_id,
            "engine_id": engine_id,
        }
        for seed in sorted(set(seeds))
    ]
    noted = _execute(connection, _note_statement(connection.dialect.name), rows)
    return {row.seed: row.attempts for row in noted}


def mark_started(connection: Connection, slice_id: int) -> None:
    """Note when the first of a batch's images was tried."""
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
            images.c.status == _DRAWING,
            images.c.attempts > 0,
        )
        .values(attempts=images.c.attempts - 1)
    )


def record_images(connection: Connection, records: Iterable[ImageRecord]) -> int:
    """Turn images into done; give how many were not done yet.

    One that is done already stays as it is, so recording twice is harmless: the file of both is the same.
    """
    # Several workers may hold the same slice; one order of rows for all of them.
    unique = {(record.recipe_id, record.seed): record for record in records}
    changed = _write_done(connection, [unique[key] for key in sorted(unique)])
    _count_done(connection, changed)
    return len(changed)


def record_and_go_on(connection: Connection, record: ImageRecord, upcoming: int | None) -> Recorded:
    """Turn an image into done, and note an attempt at another seed of its slice unless the batch is held back."""
    wanted = connection.execute(
        _wanted_statement(), {"slice_id": record.slice_id, "engine_id": record.engine_id}
    ).scalar()
    changed: Sequence[Row[Any]] = ()
    noted: dict[int, int] = {}
    # By seed, as all who lock several images do, and the slice's count after both.
    for seed in sorted({record.seed} if upcoming is None else {record.seed, upcoming}):
        if seed == record.seed:
            changed = _write_done(connection, [record])
        elif wanted:
            noted = note_attempts(
                connection,
                record.recipe_id,
                [seed],
                engine_id=record.engine_id,
                slice_id=record.slice_id,
            )
    _count_done(connection, changed)
    return Recorded(new=bool(changed), wanted=bool(wanted), noted=noted)


def replace_done(connection: Connection, record: ImageRecord) -> bool:
    """Let the row of an image that is done tell of another drawing's file at the same place; give whether it does."""
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


def _write_done(connection: Connection, records: Sequence[ImageRecord]) -> Sequence[Row[Any]]:
    """Write the images' rows and give those that were not done yet."""
    if not records:
        return ()
    now = now_utc()
    rows = [
        {
            "recipe_id": record.recipe_id,
            "seed": record.seed,
            "status": _DONE,
            "attempts": 1,
            "slice_id": record.slice_id,
            "engine_id": record.engine_id,
            "finished_at": now,
            **{name: getattr(record, name) for name in _MEASURED},
        }
        for record in records
    ]
    return _execute(connection, _record_statement(connection.dialect.name), rows)


def _count_done(connection: Connection, changed: Sequence[Row[Any]]) -> None:
    _count(connection, "done", Counter(row.slice_id for row in changed))
    troubled = {row.recipe_id for row in changed if row.error is not None}
    if troubled:
        _clear_errors(connection, troubled)


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
    """Keep why an image was not drawn; final gives it up. An image that is done meanwhile stays done.

    engine_id: which failed; None keeps the one that the attempt was noted with.
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
    changed = _execute(connection, _failure_statement(connection.dialect.name), [row])
    if changed and final:
        _count(connection, "failed", Counter([slice_id]))


def finish_slice(connection: Connection, slice_id: int) -> bool:
    """Close a slice whose images are all settled, and move its counts into its batch; give whether it is closed."""
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
        connection.execute(
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
        )
    return True


def retry_failed(connection: Connection, batch_id: int) -> int:
    """Take a batch's given-up images up again with no attempts counted; give how many.

    Their slices are open afterwards, also those of other batches that ask for the same images.
    """
    slice_rows = connection.execute(
        select(slices).where(slices.c.batch_id == batch_id, slices.c.failed > 0)
    ).all()
    retried = 0
    for recipe_id in sorted({slice_.recipe_id for slice_ in slice_rows}):
        wanted: set[int] = set()
        for slice_ in slice_rows:
            if slice_.recipe_id == recipe_id:
                wanted.update(parse_seeds(slice_.seeds))
        failed = connection.execute(
            select(images.c.id, images.c.seed).where(
                images.c.recipe_id == recipe_id, images.c.status == _FAILED
            )
        ).all()
        ids = [image_id for image_id, seed in failed if seed in wanted]
        connection.execute(
            update(images)
            .where(images.c.id.in_(ids))
            .values(status=_DRAWING, attempts=0, finished_at=None)
        )
        retried += len(ids)
    recount(connection, {slice_.recipe_id for slice_ in slice_rows})
    return retried


def recount(connection: Connection, recipe_ids: Iterable[int]) -> None:
    """Bring recipes' slices, and their batches, in line with the images; finished ones may be open afterwards."""
    ordered = sorted(recipe_ids)
    for start in range(0, len(ordered), KEYS_AT_ONCE):  # no index on recipes: one walk for many
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
            finished = False  # closing is `finish_slice`'s
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


def _clear_errors(connection: Connection, recipe_ids: set[int]) -> None:
    """Tidy up after images that failed and were drawn all the same, perhaps after somebody had given them up."""
    connection.execute(
        update(images)
        .where(
            images.c.recipe_id.in_(recipe_ids),
            images.c.status == _DONE,
            images.c.error.is_not(None),
        )
        .values(error=None)
    )
    recount(connection, recipe_ids)


def _settled_counts(connection: Connection, slice_: Any) -> tuple[int, int]:
    seeds = set(parse_seeds(slice_.seeds))
    rows = connection.execute(
        select(images.c.seed, images.c.status).where(
            images.c.recipe_id == slice_.recipe_id,
            images.c.seed.between(min(seeds), max(seeds)),
        )
    )
    counts = Counter(status for seed, status in rows if seed in seeds)
    return counts[_DONE], counts[_FAILED]


def _count(connection: Connection, column: str, slice_counts: Counter[int]) -> None:
    """Add to the counts of open slices; finished ones have theirs from the images themselves."""
    for slice_id in sorted(slice_counts):
        connection.execute(
            _count_statement(column), {"of": slice_id, "more": slice_counts[slice_id]}
        )


def _execute(
    connection: Connection, statement: Any, rows: Sequence[Mapping[str, Any]]
) -> Sequence[Row[Any]]:
    """Run a statement for each row and give what all return; a single row spares the machinery for many."""
    return connection.execute(statement, rows[0] if len(rows) == 1 else rows).all()


# Building these takes longer than running them, so each is built once.


@cache
def _wanted_statement() -> Any:
    # The variant that draws, which of a recipe for any variant is another than the recipe's.
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
def _count_statement(column: str) -> Any:
    return (
        update(slices)
        .where(slices.c.id == bindparam("of"), slices.c.finished_at.is_(None))
        .values({column: slices.c[column] + bindparam("more")})
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
        },
        where=images.c.status == _DRAWING,
    ).returning(images.c.seed, images.c.attempts)


@cache
def _record_statement(dialect: str) -> Any:
    statement = insert_into(dialect, images)
    replaced = ("status", "slice_id", "engine_id", "finished_at", *_MEASURED)
    return statement.on_conflict_do_update(
        index_elements=["recipe_id", "seed"],
        set_={name: statement.excluded[name] for name in replaced},
        where=images.c.status != _DONE,
    ).returning(images.c.slice_id, images.c.recipe_id, images.c.error)


@cache
def _failure_statement(dialect: str) -> Any:
    statement = insert_into(dialect, images)
    replaced = ("status", "slice_id", "finished_at", "error")
    # Whoever reports a failure may not know the engine, which the attempt has stored.
    engine_id = func.coalesce(statement.excluded.engine_id, images.c.engine_id)
    return statement.on_conflict_do_update(
        index_elements=["recipe_id", "seed"],
        set_={**{name: statement.excluded[name] for name in replaced}, "engine_id": engine_id},
        where=images.c.status == _DRAWING,
    ).returning(images.c.id)
