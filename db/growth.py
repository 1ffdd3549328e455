"""Adds a plan to its batch: new recipes, and slices of the seeds that are not planned yet.

Two entries with the same recipe and different fields plan each seed once, and the first one's fields stay. An image
that already exists, drawn for any batch, is never planned again: a slice of only such images is inserted as finished.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Table, func, select, update

from db.bulk import insert_rows
from db.notice_rows import note_end
from db.recipe_rows import (
    KEYS_AT_ONCE,
    STORED_COLUMNS,
    add_variants,
    known_recipes,
    recipe_values,
)
from db.seed_cutting import SeedCutter, SeedRun
from db.tables import batches, images, recipes, slices
from db.values import BatchPlan, ImageStatus, PlannedEntry, SliceRefs

#: Few enough for memory; more at once are not faster.
_ROWS_AT_ONCE = 10_000


@dataclass(kw_only=True)
class Growth:
    """What a plan adds to its batch. Counts are of images; finished_* count those in finished slices.

    new_of: how many images of each of the plan's entries are new, in their order.
    """

    entries: int
    open: SliceRefs
    new_of: list[int] = field(default_factory=list)
    known: int = 0
    new: int = 0
    drawn: int = 0
    failed: int = 0
    finished_drawn: int = 0
    finished_failed: int = 0
    slices: int = 0

    def count(self, size: int, done: int, failed: int, *, finished: bool) -> None:
        """Count a slice that was assumed to be known."""
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


def grow(
    connection: Connection,
    plan: BatchPlan,
    batch: Row[Any],
    now: datetime,
    *,
    entries: Mapping[str, int],
) -> Growth:
    """Store the part of a plan that a batch lacks, and count it; the caller holds the submission lock.

    entries: the numbers of entries that are free, by the content keys of the recipes that take their places.
    """
    growth = Growth(entries=batch.entries, new_of=[0] * len(plan.entries), open=SliceRefs(batch.id))
    new: Iterable[_NewSlice] = _new_slices(connection, plan, batch, growth, entries)
    if plan.interleave:
        new = sorted(new, key=lambda slice_: slice_.depth)
    slice_id = _next_id(connection, slices)
    rows: list[tuple[Any, ...]] = []
    batch_id = batch.id
    for _, ordinal, recipe_id, entry, run, done, failed in new:
        finished = done + failed == run.size
        if not finished:
            growth.open.add(slice_id, entry.recipe.variant)
        rows.append(
            (
                slice_id,
                batch_id,
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
        growth.slices += 1
        if len(rows) == _ROWS_AT_ONCE:
            insert_rows(connection, _SLICE_COLUMNS, rows)
            rows.clear()
    insert_rows(connection, _SLICE_COLUMNS, rows)
    _count_growth(connection, plan, batch, growth, now)
    return growth


class _NewSlice(NamedTuple):
    """A slice without its number. depth: how many slices its entry has before it."""

    depth: int
    ordinal: int
    recipe_id: int
    entry: PlannedEntry
    run: SeedRun
    done: int
    failed: int


def _new_slices(
    connection: Connection,
    plan: BatchPlan,
    batch: Row[Any],
    growth: Growth,
    free_entries: Mapping[str, int],
) -> Iterator[_NewSlice]:
    """Yield the slices that a batch lacks, entry by entry, and count them."""
    ids, old_recipes = _recipe_ids(connection, plan)
    planned, ordinals = _planned(connection, batch.id)
    for content_key, number in free_entries.items():
        ordinals.setdefault(ids[content_key], number)
    cutter = SeedCutter(plan.slice_size, growing=plan.interleave)
    for start in range(0, len(plan.entries), KEYS_AT_ONCE):
        wanted: list[tuple[int, int, PlannedEntry, tuple[SeedRun, ...]]] = []
        for index, entry in enumerate(plan.entries[start : start + KEYS_AT_ONCE], start):
            recipe_id = ids[entry.recipe.content_key]
            before = planned.get(recipe_id, ())
            runs = cutter.cut(entry.seeds, before)
            growth.known += len(entry.seeds)
            if runs:
                planned[recipe_id] = before + tuple(run.text for run in runs)
                wanted.append((index, recipe_id, entry, runs))
        # Only old recipes can have images, so a new million needs no lookup.
        settled = _settled(connection, [id_ for _, id_, _, _ in wanted if id_ in old_recipes])
        for index, recipe_id, entry, runs in wanted:
            ordinal = ordinals.get(recipe_id)
            if ordinal is None:
                growth.entries += 1
                ordinal = ordinals[recipe_id] = growth.entries
            states = settled.get(recipe_id)
            for number, run in enumerate(runs):
                done, failed = _settled_in(run, states) if states else (0, 0)
                growth.count(run.size, done, failed, finished=done + failed == run.size)
                growth.new_of[index] += run.size - done - failed
                yield _NewSlice(number, ordinal, recipe_id, entry, run, done, failed)


def _settled_in(run: SeedRun, states: Mapping[int, str]) -> tuple[int, int]:
    found = [states.get(seed) for seed in run.seeds]
    return found.count(str(ImageStatus.DONE)), found.count(str(ImageStatus.FAILED))


def _next_id(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.max(table.c.id))).scalar() or 0) + 1


def _recipe_ids(connection: Connection, plan: BatchPlan) -> tuple[dict[str, int], set[int]]:
    """Return the recipes' row ids by content key, inserting new ones, and the set of old ids."""
    wanted = {entry.recipe.content_key: entry.recipe for entry in plan.entries}
    ids = known_recipes(connection, list(wanted))
    old = set(ids.values())
    new = [recipe for key, recipe in wanted.items() if key not in ids]
    if new:
        variant_ids = add_variants(connection, {recipe.variant for recipe in new})
        first_id = _next_id(connection, recipes)
        for start in range(0, len(new), _ROWS_AT_ONCE):
            some = enumerate(new[start : start + _ROWS_AT_ONCE], first_id + start)
            rows = [recipe_values(one, row_id, variant_ids[one.variant]) for row_id, one in some]
            insert_rows(connection, STORED_COLUMNS, rows)
        ids.update((one.content_key, row_id) for row_id, one in enumerate(new, first_id))
    return ids, old


def _planned(
    connection: Connection, batch_id: int
) -> tuple[dict[int, tuple[str, ...]], dict[int, int]]:
    """Return, by recipe, the seeds of the batch's slices as texts, and the entry's number."""
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
    """Return, by recipe, the status of each seed that is done or failed."""
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
    connection: Connection, plan: BatchPlan, batch: Row[Any], growth: Growth, now: datetime
) -> None:
    # A worker may be finishing the batch's last slice right now: change the stored counts, not those read before.
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
    elif growth.slices and batch.open_slices == 0:  # all new images were drawn before
        change["completed_at"] = now
    connection.execute(update(batches).where(batches.c.id == batch.id).values(change))
    if change.get("completed_at"):
        note_end(connection, batch.id)
