"""Turns a plan into rows: batch, recipes and slices, in one transaction.

A batch is a named collection that only grows. Submitting the same plan again adds nothing; a plan that overlaps adds
what is missing. Two entries with the same recipe and different fields plan each seed once, and the first one's fields
stay. An image that exists already, drawn for any batch, is never planned anew: a slice of nothing but such images is
inserted as finished.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from db.bulk import insert_rows
from db.column_types import now_utc
from db.dispatch import open_slices
from db.planning import SeedCutter, SeedRun
from db.recipe_rows import KEYS_AT_ONCE, add_variants, known_recipes, recipe_values
from db.tables import batches, images, recipes, slices
from db.values import BatchPlan, BatchState, ImageStatus, PlannedEntry, SliceRef, Submission


@dataclass(kw_only=True)
class _Growth:
    """What a plan adds to its batch. done and failed are of finished slices only."""

    entries: int
    known: int = 0
    new: int = 0
    drawn: int = 0
    failed: int = 0
    open_slices: int = 0
    finished_done: int = 0
    finished_failed: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)


def submit(connection: Connection, plan: BatchPlan) -> Submission:
    """Store a plan and say what it added; the caller holds the submission lock, and commits."""
    now = now_utc()
    batch, name = _find_batch(connection, plan)
    unchanged = batch is not None and batch.plan_key == plan.key
    if batch is None:
        batch = _create_batch(connection, plan, name, now)
    last_id = connection.execute(select(func.max(slices.c.id))).scalar() or 0
    if unchanged:
        growth = _Growth(
            entries=batch.entries, known=sum(len(entry.seeds) for entry in plan.entries)
        )
    else:
        growth = _grow(connection, plan, batch, now)
    refs: Sequence[SliceRef] = ()
    if batch.state == BatchState.CANCELLED:
        connection.execute(
            update(batches).where(batches.c.id == batch.id).values(state=str(BatchState.ACTIVE))
        )
        refs = open_slices(connection, batch_id=batch.id)
    elif growth.open_slices:
        refs = open_slices(connection, batch_id=batch.id, after_id=last_id)
    return Submission(
        batch_id=batch.id,
        batch_name=name,
        images_new=growth.new,
        images_known=growth.known,
        images_drawn=growth.drawn,
        images_failed=growth.failed,
        slices=refs,
        slices_new=growth.open_slices,
    )


def _find_batch(connection: Connection, plan: BatchPlan) -> tuple[Row[Any] | None, str]:
    """Give the batch that a plan belongs to, or None and the name for a new one.

    A name that the user gave means that batch, whatever its source. A name made from the source belongs to that source:
    another file of the same name gets the next free ``name-2``, ``name-3``.
    """
    names: Iterator[str]
    if plan.name is not None:
        names = iter((plan.name,))
    else:
        base = plan.source_name
        names = (base if number == 1 else f"{base}-{number}" for number in count(1))
    for name in names:
        row = connection.execute(select(batches).where(batches.c.name == name)).first()
        if row is None or plan.name is not None or row.source == plan.source:
            return row, name
    raise AssertionError("unreachable: there is always a free name")


def _create_batch(connection: Connection, plan: BatchPlan, name: str, now: datetime) -> Row[Any]:
    values = {
        "name": name,
        "state": str(BatchState.ACTIVE),
        "source": plan.source,
        "plan_key": "",
        "options": plan.options,
        "created_at": now,
        "entries": 0,
        "open_slices": 0,
        "images_total": 0,
        "images_done": 0,
        "images_failed": 0,
    }
    return connection.execute(insert(batches).values(values).returning(batches)).one()


def _grow(connection: Connection, plan: BatchPlan, batch: Row[Any], now: datetime) -> _Growth:
    ids, old_recipes = _recipe_ids(connection, plan)
    planned, ordinals = _planned(connection, batch.id)
    growth = _Growth(entries=batch.entries)
    cutter = SeedCutter(plan.slice_size)
    for start in range(0, len(plan.entries), KEYS_AT_ONCE):
        wanted: list[tuple[int, PlannedEntry, tuple[SeedRun, ...]]] = []
        for entry in plan.entries[start : start + KEYS_AT_ONCE]:
            recipe_id = ids[entry.recipe.content_key]
            before = planned.get(recipe_id, ())
            runs = cutter.cut(entry.seeds, before)
            growth.known += len(entry.seeds)
            if runs:
                planned[recipe_id] = before + tuple(run.text for run in runs)
                wanted.append((recipe_id, entry, runs))
        # Images can exist only for recipes that did; a fresh million needs no look.
        settled = _settled(connection, [id_ for id_, _, _ in wanted if id_ in old_recipes])
        for recipe_id, entry, runs in wanted:
            ordinal = ordinals.get(recipe_id)
            if ordinal is None:
                growth.entries += 1
                ordinal = ordinals[recipe_id] = growth.entries
            shared = {
                "batch_id": batch.id,
                "entry": ordinal,
                "recipe_id": recipe_id,
                "fields": entry.fields,
                "created_at": now,
            }
            for run in runs:
                _add_run(growth, run, shared, settled.get(recipe_id, {}), now)
    insert_rows(connection, slices, growth.rows)
    _count_growth(connection, plan, batch, growth, now)
    return growth


def _add_run(
    growth: _Growth,
    run: SeedRun,
    shared: Mapping[str, Any],
    settled: Mapping[int, str],
    now: datetime,
) -> None:
    done = failed = 0
    if settled:
        found = [settled.get(seed) for seed in run.seeds]
        done, failed = found.count(ImageStatus.DONE), found.count(ImageStatus.FAILED)
    finished = done + failed == run.size
    growth.known -= run.size
    growth.drawn += done
    growth.failed += failed
    growth.new += run.size - done - failed
    if finished:
        growth.finished_done += done
        growth.finished_failed += failed
    else:
        growth.open_slices += 1
    growth.rows.append(
        {
            **shared,
            "seeds": run.text,
            "size": run.size,
            "finished_at": now if finished else None,
            "done": done,
            "failed": failed,
        }
    )


def _recipe_ids(connection: Connection, plan: BatchPlan) -> tuple[dict[str, int], set[int]]:
    """Give the recipes' row ids by content key, inserting new ones, and which of them are old."""
    wanted = {entry.recipe.content_key: entry.recipe for entry in plan.entries}
    ids = known_recipes(connection, list(wanted))
    old = set(ids.values())
    new = [recipe for key, recipe in wanted.items() if key not in ids]
    if new:
        variant_ids = add_variants(connection, {recipe.variant for recipe in new})
        rows = [recipe_values(recipe, variant_ids[recipe.variant]) for recipe in new]
        insert_rows(connection, recipes, rows)
        ids.update(known_recipes(connection, [recipe.content_key for recipe in new]))
    return ids, old


def _planned(
    connection: Connection, batch_id: int
) -> tuple[dict[int, tuple[str, ...]], dict[int, int]]:
    """Give, by recipe, the seeds of the batch's slices as texts, and its entry's number."""
    planned: dict[int, tuple[str, ...]] = {}
    ordinals: dict[int, int] = {}
    rows = connection.execute(
        select(slices.c.recipe_id, slices.c.seeds, slices.c.entry)
        .where(slices.c.batch_id == batch_id)
        .order_by(slices.c.id)
    )
    for recipe_id, seeds, entry in rows:
        planned[recipe_id] = (*planned.get(recipe_id, ()), seeds)
        ordinals[recipe_id] = entry
    return planned, ordinals


def _settled(connection: Connection, recipe_ids: Sequence[int]) -> dict[int, dict[int, str]]:
    """Give, by recipe, the seeds that are done or given up."""
    found: dict[int, dict[int, str]] = {}
    if recipe_ids:
        rows = connection.execute(
            select(images.c.recipe_id, images.c.seed, images.c.status).where(
                images.c.recipe_id.in_(recipe_ids), images.c.status != str(ImageStatus.DRAWING)
            )
        )
        for recipe_id, seed, status in rows:
            found.setdefault(recipe_id, {})[seed] = status
    return found


def _count_growth(
    connection: Connection, plan: BatchPlan, batch: Row[Any], growth: _Growth, now: datetime
) -> None:
    change: dict[str, Any] = {
        "plan_key": plan.key,
        "entries": growth.entries,
        "images_total": batch.images_total + growth.new + growth.drawn + growth.failed,
        "images_done": batches.c.images_done + growth.finished_done,
        "images_failed": batches.c.images_failed + growth.finished_failed,
    }
    # A worker may be finishing the batch's last slice just now, so what it changes is changed relative to its value.
    change["open_slices"] = batches.c.open_slices + growth.open_slices
    if growth.open_slices:
        change["completed_at"] = None
    elif growth.rows and batch.open_slices == 0:  # all that is new was drawn before
        change["completed_at"] = now
    connection.execute(update(batches).where(batches.c.id == batch.id).values(change))
