"""What happened to a batch, as far as rows tell: submissions, engines, failures, its beginning, its end and notices.

Finished images are not looked at one by one: a batch may have millions, and `sdq report` sums them up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, func, select

from db.column_types import now_utc
from db.engines import load_engines
from db.recipe_rows import VARIANT_COLUMNS, variant_of
from db.slices import has_failed
from db.tables import batches, engines, images, notices, recipes, slices, variants
from db.values import EngineRecord, ImageStatus, NoticeEvent, PausedVariant
from db.variants import paused_variants
from sdq_core.values.seeds import parse_seeds
from sdq_core.values.variants import AnyVariant, RecipeVariant


@dataclass(frozen=True, kw_only=True)
class Growth:
    """A submission that added something: when, and how many images and slices."""

    at: datetime
    images: int
    slices: int


@dataclass(frozen=True, kw_only=True)
class StartedEngine:
    """An engine and when it was loaded."""

    at: datetime
    engine: EngineRecord


@dataclass(frozen=True, kw_only=True)
class GivenUp:
    """A failed image and when it was given up."""

    at: datetime
    entry: int
    seed: int
    attempts: int
    error: str


@dataclass(frozen=True, kw_only=True)
class Told:
    """A notice that somebody was told, or was to be told.

    at: when the last of them was dealt with, or when it happened if that is not over.
    event: what it tells of.
    outcomes: receiver -> what came of it.
    """

    at: datetime
    event: NoticeEvent
    outcomes: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class BatchHistory:
    """What happened to a batch, each in the order of time.

    growths: its submissions, the first with the batch.
    first_engine: what drew its first entry; None if nothing has.
    engines: those that were loaded for its variants since it was begun.
    failures: its failed images.
    paused: those of its variants that are paused now.
    told: its notices.
    """

    growths: Sequence[Growth]
    first_engine: EngineRecord | None
    engines: Sequence[StartedEngine]
    failures: Sequence[GivenUp]
    paused: Sequence[PausedVariant]
    told: Sequence[Told]


def history_of(connection: Connection, batch_id: int) -> BatchHistory:
    """Return the history of a batch."""
    batch = connection.execute(select(batches).where(batches.c.id == batch_id)).one()
    asked = _variants_of(connection, batch_id)
    return BatchHistory(
        growths=_growths(connection, batch_id),
        first_engine=_first_engine(connection, batch_id),
        engines=_engines_since(connection, batch, asked),
        failures=_failures(connection, batch_id),
        paused=[held for held in paused_variants(connection) if _draws(held.variant, asked)],
        told=_told(connection, batch_id),
    )


def _told(connection: Connection, batch_id: int) -> list[Told]:
    rows = connection.execute(
        select(notices)
        .where(notices.c.batch_id == batch_id, notices.c.outcomes.is_not(None))
        .order_by(notices.c.id)
    )
    return [
        Told(
            at=row.finished_at or row.happened_at,
            event=NoticeEvent(row.event),
            outcomes=row.outcomes,
        )
        for row in rows
    ]


def _variants_of(connection: Connection, batch_id: int) -> set[RecipeVariant]:
    """Return the variants that a batch asks for."""
    rows = connection.execute(
        select(*VARIANT_COLUMNS)
        .distinct()
        .join_from(slices, recipes)
        .join(variants, variants.c.id == recipes.c.variant_id)
        .where(slices.c.batch_id == batch_id)
    )
    return {variant_of(row) for row in rows.mappings()}


def _draws(variant: RecipeVariant, asked: set[RecipeVariant]) -> bool:
    """Whether a variant draws for a batch that asks for these: by name, or for `any` of its model."""
    return variant in asked or any(
        isinstance(word, AnyVariant) and word.model == variant.model for word in asked
    )


def _growths(connection: Connection, batch_id: int) -> list[Growth]:
    rows = connection.execute(
        select(slices.c.created_at, func.sum(slices.c.size), func.count())
        .where(slices.c.batch_id == batch_id)
        .group_by(slices.c.created_at)
        .order_by(slices.c.created_at)
    )
    return [Growth(at=at, images=int(count), slices=parts) for at, count, parts in rows]


def _first_engine(connection: Connection, batch_id: int) -> EngineRecord | None:
    """Return what drew an image of the first slice that has one."""
    first = connection.scalar(
        select(slices.c.id)
        .where(slices.c.batch_id == batch_id, slices.c.done > 0)
        .order_by(slices.c.entry, slices.c.id)
        .limit(1)
    )
    drawn = select(images.c.engine_id).where(images.c.slice_id == first)
    done = drawn.where(images.c.status == str(ImageStatus.DONE)).order_by(images.c.id).limit(1)
    engine_id = connection.scalar(done)
    return load_engines(connection, [engine_id]).get(engine_id) if engine_id else None


def _engines_since(
    connection: Connection, batch: Row[Any], asked: set[RecipeVariant]
) -> list[StartedEngine]:
    if batch.started_at is None:
        return []
    first = engines.alias()
    rows = connection.execute(
        select(engines.c.id, engines.c.started_at)
        .where(
            engines.c.started_at.between(batch.started_at, batch.completed_at or now_utc()),
            ~exists().where(  # of its rows the first alone was written when it was loaded
                first.c.id < engines.c.id,
                *(first.c[name] == engines.c[name] for name in ("worker", "pid", "load_ms")),
            ),
        )
        .order_by(engines.c.started_at, engines.c.id)
    ).all()
    loaded = load_engines(connection, [row.id for row in rows])
    return [
        StartedEngine(at=row.started_at, engine=loaded[row.id])
        for row in rows
        if row.id in loaded and _draws(loaded[row.id].variant, asked)
    ]


def _failures(connection: Connection, batch_id: int) -> list[GivenUp]:
    found = []
    with_failed = connection.execute(
        select(slices.c.entry, slices.c.recipe_id, slices.c.seeds).where(has_failed(batch_id))
    ).all()
    for slice_ in with_failed:
        seeds = set(parse_seeds(slice_.seeds))
        rows = connection.execute(
            select(images.c.seed, images.c.attempts, images.c.error, images.c.finished_at).where(
                images.c.recipe_id == slice_.recipe_id,
                images.c.seed.between(min(seeds), max(seeds)),
                images.c.status == str(ImageStatus.FAILED),
            )
        )
        found += [
            GivenUp(
                at=row.finished_at,
                entry=slice_.entry,
                seed=row.seed,
                attempts=row.attempts,
                error=row.error or "",
            )
            for row in rows
            if row.seed in seeds
        ]
    return sorted(found, key=lambda failure: failure.at)
