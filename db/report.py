"""How batches stand, without scanning their images.

Finished slices have handed their counts to their batch and open ones carry their own, so a status costs one row a batch
and one for each slice that is begun but not finished, be it of ten images or a million. An image that is drawn for
another batch meanwhile is counted here when its own slice is finished.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select

from db.column_types import now_utc
from db.recipe_rows import RECIPE_COLUMNS, recipe_of
from db.tables import batches, images, recipes, slices, variants
from db.values import BatchState, BatchStatus, FailedImage, ImageStatus
from sdq_core.errors import InputMissingError
from sdq_core.values.seeds import parse_seeds

#: Throughput is that of the last so many images, none of them older than this.
RATE_IMAGES = 500
RATE_WINDOW = timedelta(minutes=15)


def list_batches(connection: Connection, limit: int | None) -> list[BatchStatus]:
    """Give the newest batches, the newest first."""
    return _statuses(connection, select(batches).order_by(batches.c.id.desc()).limit(limit))


def find_batch(connection: Connection, name_or_id: str | int) -> BatchStatus | None:
    """Give the batch of that name, else of that id, else None."""
    query = select(batches).where(batches.c.name == str(name_or_id))
    found = _statuses(connection, query) if isinstance(name_or_id, str) else []
    if not found and str(name_or_id).isdecimal() and len(str(name_or_id)) < 19:
        found = _statuses(connection, select(batches).where(batches.c.id == int(name_or_id)))
    return found[0] if found else None


def batch_id_of(connection: Connection, name_or_id: str | int) -> int:
    """Give a batch's row id; raise InputMissingError when there is no such batch."""
    found = find_batch(connection, name_or_id)
    if found is None:
        raise InputMissingError(f"There is no batch {name_or_id!r}. `sdq status` lists them.")
    return found.id


def _statuses(connection: Connection, query: Select[Any]) -> list[BatchStatus]:
    rows = connection.execute(query).all()
    unfinished = [row.id for row in rows if row.open_slices]
    begun: dict[int, tuple[int, int]] = {}
    rates: dict[int, float] = {}
    if unfinished:
        counts = connection.execute(
            select(slices.c.batch_id, func.sum(slices.c.done), func.sum(slices.c.failed))
            .where(
                slices.c.batch_id.in_(unfinished),
                slices.c.finished_at.is_(None),
                or_(slices.c.done > 0, slices.c.failed > 0),
            )
            .group_by(slices.c.batch_id)
        )
        begun = {batch_id: (int(done), int(failed)) for batch_id, done, failed in counts}
    if rows:
        rates = images_per_hour(connection, now_utc())
    return [_status(row, begun.get(row.id, (0, 0)), rates.get(row.id)) for row in rows]


def _status(row: Row[Any], begun: tuple[int, int], rate: float | None) -> BatchStatus:
    completed = row.images_done + begun[0]
    failed = row.images_failed + begun[1]
    remaining = row.images_total - completed - failed
    eta_s = None
    if not row.open_slices:
        eta_s = 0.0
    elif rate and row.state == BatchState.ACTIVE:
        eta_s = remaining / rate * 3600
    return BatchStatus(
        id=row.id,
        name=row.name,
        state=BatchState(row.state),
        source=row.source,
        created_at=row.created_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
        total=row.images_total,
        completed=completed,
        failed=failed,
        images_per_hour=rate,
        eta_s=eta_s,
    )


def images_per_hour(connection: Connection, now: datetime) -> dict[int, float]:
    """Give, by batch, how fast its images have been finished of late; batches with fewer than two are left out."""
    # Ids rise with the first attempt, so the end of the table is the recent past, and no index on time is needed.
    recent = (
        select(images.c.slice_id, images.c.finished_at, images.c.status)
        .order_by(images.c.id.desc())
        .limit(RATE_IMAGES)
        .subquery()
    )
    rows = connection.execute(
        select(slices.c.batch_id, recent.c.finished_at)
        .join_from(recent, slices, slices.c.id == recent.c.slice_id)
        .where(recent.c.status == str(ImageStatus.DONE), recent.c.finished_at >= now - RATE_WINDOW)
    )
    times: defaultdict[int, list[datetime]] = defaultdict(list)
    for batch_id, finished_at in rows:
        times[batch_id].append(finished_at)
    rates = {}
    for batch_id, finished in times.items():
        span_s = (max(finished) - min(finished)).total_seconds()
        if span_s > 0:
            rates[batch_id] = (len(finished) - 1) / span_s * 3600
    return rates


def failed_images(connection: Connection, batch_id: int, limit: int | None) -> list[FailedImage]:
    """List a batch's given-up images in the order of its slices."""
    rows = connection.execute(
        select(
            batches.c.name.label("batch_name"),
            slices.c.entry,
            slices.c.fields,
            slices.c.recipe_id,
            slices.c.seeds,
            *RECIPE_COLUMNS,
        )
        .join_from(slices, batches)
        .join(recipes, recipes.c.id == slices.c.recipe_id)
        .join(variants, variants.c.id == recipes.c.variant_id)
        .where(slices.c.batch_id == batch_id, slices.c.failed > 0)
        .order_by(slices.c.entry, slices.c.id)
    ).mappings()
    found: list[FailedImage] = []
    for row in rows:
        recipe = recipe_of(row)
        failed = connection.execute(
            select(images.c.seed, images.c.attempts, images.c.error).where(
                images.c.recipe_id == row["recipe_id"],
                images.c.status == str(ImageStatus.FAILED),
            )
        )
        by_seed = {seed: (attempts, error) for seed, attempts, error in failed}
        found += [
            FailedImage(
                batch_name=row["batch_name"],
                entry=row["entry"],
                fields=row["fields"],
                recipe=recipe,
                seed=seed,
                attempts=by_seed[seed][0],
                error=by_seed[seed][1] or "",
            )
            for seed in parse_seeds(row["seeds"])
            if seed in by_seed
        ]
        if limit is not None and len(found) >= limit:
            return found[:limit]
    return found
