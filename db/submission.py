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

from sqlalchemy import Connection, Row, Table, func, insert, select, update

from db.bulk import insert_rows
from db.choices import merged, read_choices, with_choices
from db.column_types import now_utc
from db.recipe_rows import (
    KEYS_AT_ONCE,
    STORED_COLUMNS,
    add_variants,
    known_recipes,
    recipe_values,
)
from db.seed_cutting import SeedCutter, SeedRun
from db.slices import open_slices, paused_variants
from db.tables import batches, images, recipes, slices
from db.values import (
    BatchOptions,
    BatchPlan,
    BatchState,
    ImageStatus,
    PlannedEntry,
    SliceRef,
    Submission,
)
from sdq_core.errors import TryAgainError
from sdq_core.values.variants import RecipeVariant


@dataclass(kw_only=True)
class _Growth:
    """What a plan adds to its batch; counts are of images, and finished_* of those in finished slices."""

    entries: int
    known: int = 0
    new: int = 0
    drawn: int = 0
    failed: int = 0
    finished_drawn: int = 0
    finished_failed: int = 0
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    open: list[tuple[int, RecipeVariant]] = field(default_factory=list)

    def count(self, size: int, done: int, failed: int, *, finished: bool) -> None:
        """Count a slice that was taken to be known."""
        self.known -= size
        self.new += size - done - failed
        self.drawn += done
        self.failed += failed
        if finished:
            self.finished_drawn += done
            self.finished_failed += failed


_SLICE_COLUMNS = (
    slices.c.id,
    slices.c.batch_id,
    slices.c.entry,
    slices.c.recipe_id,
    slices.c.seeds,
    slices.c.size,
    slices.c.fields,
    slices.c.created_at,
    slices.c.finished_at,
    slices.c.done,
    slices.c.failed,
)


def submit(connection: Connection, plan: BatchPlan) -> Submission:
    """Store a plan and say what it added; the caller holds the submission lock, and commits."""
    now = now_utc()
    batch, name = _find_batch(connection, plan.name, plan.source_name, plan.source)
    unchanged = batch is not None and batch.plan_key == plan.key
    if batch is None:
        batch = _create_batch(connection, plan, name, now)
    else:
        _keep_choices(connection, batch, plan)
    if unchanged:
        known = sum(len(entry.seeds) for entry in plan.entries)
        growth = _Growth(entries=batch.entries, known=known)
    else:
        growth = _grow(connection, plan, batch, now)
    refs: Sequence[SliceRef] = ()
    if batch.state == BatchState.CANCELLED:
        connection.execute(
            update(batches).where(batches.c.id == batch.id).values(state=str(BatchState.ACTIVE))
        )
        refs = open_slices(connection, batch_id=batch.id)
    elif batch.state == BatchState.ACTIVE:
        paused = {paused.variant for paused in paused_variants(connection)}
        refs = [
            SliceRef(id=slice_id, variant=variant)
            for slice_id, variant in growth.open
            if not paused or variant not in paused
        ]
    return Submission(
        batch_id=batch.id,
        batch_name=name,
        images_new=growth.new,
        images_known=growth.known,
        images_drawn=growth.drawn,
        images_failed=growth.failed,
        slices=refs,
        slices_new=len(growth.open),
    )


def options_of_batch(
    connection: Connection, name: str | None, source_name: str, source: str
) -> BatchOptions | None:
    """Give the options of the batch that a plan belongs to, or None where it makes a new one."""
    batch, _ = _find_batch(connection, name, source_name, source)
    if batch is None:
        return None
    given = {option: value for option, value in batch.options.items() if option != "chosen"}
    return BatchOptions(given=given, chosen=read_choices(batch.options))


def _find_batch(
    connection: Connection, given_name: str | None, source_name: str, source: str
) -> tuple[Row[Any] | None, str]:
    """Give the batch that a plan belongs to, or None and the name for a new one.

    A name that the user gave means that batch, whatever its source. A name made from the source belongs to that source:
    another file of the same name gets the next free ``name-2``, ``name-3``.
    """
    names: Iterator[str]
    if given_name is not None:
        names = iter((given_name,))
    else:
        names = (source_name if n == 1 else f"{source_name}-{n}" for n in count(1))
    for name in names:
        row = connection.execute(select(batches).where(batches.c.name == name)).first()
        if row is None or given_name is not None or row.source == source:
            return row, name
    raise AssertionError("unreachable: there is always a free name")


def _create_batch(connection: Connection, plan: BatchPlan, name: str, now: datetime) -> Row[Any]:
    values = {
        "name": name,
        "state": str(BatchState.ACTIVE),
        "source": plan.source,
        "plan_key": "",
        "options": with_choices(plan.options, plan.chosen),
        "created_at": now,
        "entries": 0,
        "open_slices": 0,
        "images_total": 0,
        "images_done": 0,
        "images_failed": 0,
    }
    return connection.execute(insert(batches).values(values).returning(batches)).one()


def _keep_choices(connection: Connection, batch: Row[Any], plan: BatchPlan) -> None:
    """Add what a submission chose to what was chosen for the batch before.

    Raise TryAgainError when another one chose otherwise after this one had looked: its images would be drawn twice.
    """
    kept = read_choices(batch.options)
    choices = merged(kept, plan.chosen)
    if choices is None:
        raise TryAgainError(
            f"Batch {batch.name} was submitted by somebody else at the same moment, to be drawn with another variant. "
            "Submit it again: it then keeps what was chosen first."
        )
    if choices != kept:
        options = with_choices(batch.options, choices)
        connection.execute(update(batches).where(batches.c.id == batch.id).values(options=options))


def _grow(connection: Connection, plan: BatchPlan, batch: Row[Any], now: datetime) -> _Growth:
    ids, old_recipes = _recipe_ids(connection, plan)
    planned, ordinals = _planned(connection, batch.id)
    growth = _Growth(entries=batch.entries)
    cutter = SeedCutter(plan.slice_size)
    slice_id = _next_id(connection, slices)
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
            states = settled.get(recipe_id)
            for run in runs:
                done, failed = _settled_in(run, states) if states else (0, 0)
                finished = done + failed == run.size
                growth.count(run.size, done, failed, finished=finished)
                if not finished:
                    growth.open.append((slice_id, entry.recipe.variant))
                growth.rows.append(
                    (
                        slice_id,
                        batch.id,
                        ordinal,
                        recipe_id,
                        run.text,
                        run.size,
                        entry.fields,
                        now,
                        now if finished else None,
                        done,
                        failed,
                    )
                )
                slice_id += 1
    insert_rows(connection, _SLICE_COLUMNS, growth.rows)
    _count_growth(connection, plan, batch, growth, now)
    return growth


def _settled_in(run: SeedRun, states: Mapping[int, str]) -> tuple[int, int]:
    found = [states.get(seed) for seed in run.seeds]
    return found.count(str(ImageStatus.DONE)), found.count(str(ImageStatus.FAILED))


def _next_id(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.max(table.c.id))).scalar() or 0) + 1


def _recipe_ids(connection: Connection, plan: BatchPlan) -> tuple[dict[str, int], set[int]]:
    """Give the recipes' row ids by content key, inserting new ones, and which of them are old."""
    wanted = {entry.recipe.content_key: entry.recipe for entry in plan.entries}
    ids = known_recipes(connection, list(wanted))
    old = set(ids.values())
    new = [recipe for key, recipe in wanted.items() if key not in ids]
    if new:
        variant_ids = add_variants(connection, {recipe.variant for recipe in new})
        rows = [
            recipe_values(recipe, row_id, variant_ids[recipe.variant])
            for row_id, recipe in enumerate(new, _next_id(connection, recipes))
        ]
        insert_rows(connection, STORED_COLUMNS, rows)
        ids.update((recipe.content_key, row[0]) for recipe, row in zip(new, rows, strict=True))
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
    # A worker may be finishing the batch's last slice just now: change what is there, not what was read.
    change: dict[str, Any] = {
        "plan_key": plan.key,
        "entries": growth.entries,
        "open_slices": batches.c.open_slices + len(growth.open),
        "images_total": batches.c.images_total + growth.new + growth.drawn + growth.failed,
        "images_done": batches.c.images_done + growth.finished_drawn,
        "images_failed": batches.c.images_failed + growth.finished_failed,
    }
    if growth.open:
        change["completed_at"] = None
    elif growth.rows and batch.open_slices == 0:  # all that is new was drawn before
        change["completed_at"] = now
    connection.execute(update(batches).where(batches.c.id == batch.id).values(change))
