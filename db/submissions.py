"""Turns a plan into rows: batch, recipes and slices, in one transaction.

A batch is a named collection that only grows. Submitting the same plan again adds nothing; a plan that overlaps adds
what is missing (`db.growth`), and may take the place of what can no longer be drawn (`db.replacement`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import chain, count
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from db.choices import merged, options_of, read_choices, with_choices, with_receivers
from db.column_types import now_utc
from db.connection import SUBMISSION_LOCK, Database
from db.growth import Growth, grow
from db.notice_rows import note_end
from db.order import move, read_rank
from db.replacement import Replaced, replace, replaceable
from db.report import batch_named
from db.slices import open_slices
from db.tables import batches
from db.values import (
    BatchOptions,
    BatchPlan,
    BatchState,
    KnownEntry,
    SliceRef,
    SliceRefs,
    Submission,
)
from db.variants import paused_variants
from db.walk import load_recipes, walk_slices
from sdq_core.errors import TryAgainError
from sdq_core.images.filing import Filing
from sdq_core.queue.slice_ids import SliceIds
from sdq_core.values.names import one_spelling
from sdq_core.values.seeds import parse_seeds
from sdq_core.values.variants import RecipeVariant


class Submissions:
    """Adds what `sdq submit` plans to the ledger.

    One submission at a time, across machines, and durable: a confirmed one survives a power cut, and one that is killed
    earlier leaves nothing. Adding a plan twice adds it once.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, plan: BatchPlan, *, instead_of: Collection[int] = ()) -> Submission:
        """Store a submission, durably; return what it added.

        instead_of: slices of `replaceable` that no worker has and that are in no queue.
        """
        with self._database.writing(durable=True, lock=SUBMISSION_LOCK) as connection:
            return submit(connection, plan, instead_of=instead_of)

    def preview(self, plan: BatchPlan, *, instead_of: Collection[int] = ()) -> Submission:
        """Return what `add` would add, and store nothing. Ids in the result are meaningless."""
        with self._database.trying(lock=SUBMISSION_LOCK) as connection:
            return submit(connection, plan, instead_of=instead_of)

    def replaceable(self, plan: BatchPlan, outdated: Collection[RecipeVariant]) -> SliceIds:
        """Return the open slices of a plan's batch with images that the plan asks for anew.

        outdated: variants that are asked for at another revision now, because nobody can draw them any more.
        """
        if not outdated:
            return SliceIds()
        with self._database.reading() as connection:
            batch, _ = _find_batch(connection, plan.name, plan.source_name, plan.source)
            return SliceIds(replaceable(connection, plan, batch.id, outdated) if batch else ())

    def batch_options(self, name: str | None, source_name: str, source: str) -> BatchOptions | None:
        """Return the options of the batch that a plan with that name and source extends, None if it creates one."""
        with self._database.reading() as connection:
            batch, _ = _find_batch(connection, name, source_name, source)
        return None if batch is None else options_of(batch.options)

    def batch_name(self, name: str | None, source_name: str, source: str) -> str:
        """Return the name of the batch that a plan with that name and source extends or creates."""
        with self._database.reading() as connection:
            return _find_batch(connection, name, source_name, source)[1]

    def known_entries(self, batch_name: str) -> Iterator[KnownEntry]:
        """Yield what a batch has been asked for before, by entry, a page of slices at a time."""
        with self._database.reading() as connection:
            batch = batch_named(connection, batch_name)
        if batch is not None:
            yield from walk_slices(self._database, batch.id, _entries_in)


def _entries_in(connection: Connection, slice_rows: Sequence[Row[Any]]) -> list[KnownEntry]:
    recipes = load_recipes(connection, {slice_.recipe_id for slice_ in slice_rows})
    return [
        KnownEntry(
            number=slice_.entry,
            recipe=recipes[slice_.recipe_id],
            seeds=parse_seeds(slice_.seeds),
            fields=slice_.fields,
        )
        for slice_ in slice_rows
    ]


def submit(
    connection: Connection, plan: BatchPlan, *, instead_of: Collection[int] = ()
) -> Submission:
    """Store a plan and return what it added; the caller holds the submission lock, and commits."""
    now = now_utc()
    batch, name = _find_batch(connection, plan.name, plan.source_name, plan.source)
    unchanged = batch is not None and batch.plan_key == plan.key
    if batch is None:
        batch = _create_batch(connection, plan, name, now)
    else:
        _check_filing(batch, plan)
        _keep_choices(connection, batch, plan)
    if plan.receivers:
        _keep_receivers(connection, batch.id, plan)
    replaced = Replaced()
    if instead_of:
        replaced = replace(connection, plan, batch.id, instead_of, now)
        batch = connection.execute(select(batches).where(batches.c.id == batch.id)).one()
    if unchanged:
        known = sum(len(entry.seeds) for entry in plan.entries)
        growth = Growth(entries=batch.entries, open=SliceRefs(batch.id), known=known)
    else:
        growth = grow(connection, plan, batch, now, entries=replaced.entries)
    if replaced.images:
        _complete_if_done(connection, batch.id, now)
    moved = plan.at_front or plan.priority is not None
    if moved:
        rank = move(connection, batch.id, priority=plan.priority, to_front=plan.at_front)
    else:
        rank = read_rank(batch.options)
    refs: Sequence[SliceRef] = ()
    if batch.state == BatchState.CANCELLED:
        connection.execute(
            update(batches).where(batches.c.id == batch.id).values(state=str(BatchState.ACTIVE))
        )
        refs = open_slices(connection, batch_id=batch.id)
    elif batch.state == BatchState.ACTIVE:
        paused = {paused.variant for paused in paused_variants(connection)}
        refs = SliceRefs(
            batch.id,
            (ref for ref in chain(growth.open, replaced.open) if ref.variant not in paused),
        )
    return Submission(
        batch_id=batch.id,
        batch_name=name,
        images_new=growth.new,
        images_known=growth.known,
        images_drawn=growth.drawn,
        images_failed=growth.failed,
        slices=refs,
        slices_new=len(growth.open),
        images_replaced=replaced.images,
        rank=rank,
        moved=moved,
        new_of=growth.new_of,
    )


def _find_batch(
    connection: Connection, given_name: str | None, source_name: str, source: str
) -> tuple[Row[Any] | None, str]:
    """Return the batch that a plan belongs to with its name, or None with the name for a new one.

    A name from the user means that batch, whatever its source. A name derived from the source belongs to that source:
    another file with the same name gets the next free ``name-2``, ``name-3``.
    """
    names: Iterator[str]
    if given_name is not None:
        names = iter((given_name,))
    else:
        names = (source_name if n == 1 else f"{source_name}-{n}" for n in count(1))
    for name in names:
        row = batch_named(connection, name)
        if row is None:
            return None, one_spelling(name)
        if given_name is not None or one_spelling(row.source) == one_spelling(source):
            return row, str(row.name)
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


def _complete_if_done(connection: Connection, batch_id: int, now: datetime) -> None:
    """Complete a batch if what was taken out of it was all that was open."""
    completed = connection.execute(
        update(batches)
        .where(
            batches.c.id == batch_id,
            batches.c.open_slices == 0,
            batches.c.completed_at.is_(None),
        )
        .values(completed_at=now)
    )
    if completed.rowcount:
        note_end(connection, batch_id)


def _check_filing(batch: Row[Any], plan: BatchPlan) -> None:
    """Raise TryAgainError if a plan was made for other files than its batch has: their paths were not compared."""
    if Filing.of(batch.options) != Filing.of(plan.options):
        raise TryAgainError(
            f"Batch {batch.name} was submitted by another process at the same time, with files of another format or "
            "other names. Submit it again to use those."
        )


def _keep_choices(connection: Connection, batch: Row[Any], plan: BatchPlan) -> None:
    """Add a submission's choices to the batch's earlier ones.

    Raises TryAgainError if another submission chose differently in the meantime: images would be drawn twice.
    """
    kept = read_choices(batch.options)
    choices = merged(kept, plan.chosen)
    if choices is None:
        raise TryAgainError(
            f"Batch {batch.name} was submitted by another process at the same time, with another variant. "
            "Submit it again to use the variant chosen first."
        )
    if choices != kept:
        options = with_choices(batch.options, choices)
        connection.execute(update(batches).where(batches.c.id == batch.id).values(options=options))


def _keep_receivers(connection: Connection, batch_id: int, plan: BatchPlan) -> None:
    of_batch = batches.c.id == batch_id
    options = connection.execute(select(batches.c.options).where(of_batch)).scalar_one()
    changed = with_receivers(options, plan.receivers)
    connection.execute(update(batches).where(of_batch).values(options=changed))
