"""Checks and repairs the ledger, and removes batches, for `sdq verify` and `sdq prune`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, case, func, literal, select, update

from db import removal
from db.asked_before import AskedBefore
from db.checking import checked_page
from db.column_types import UtcTime, now_utc
from db.connection import SUBMISSION_LOCK, Database
from db.counts import recount
from db.files import standing_at, standing_of
from db.notice_rows import note_end
from db.recipe_rows import KEYS_AT_ONCE
from db.report import batch_id_of
from db.tables import batches, images, recipes, slices
from db.values import CheckedPage, FileStanding, ImageStatus, PrunedPage
from db.walk import parts, walk_slices
from sdq_core.values.conditions import Conditions

#: Rows read at once of which little is kept.
_AT_ONCE = 1000
#: Slices whose images are compared at once: some 10,000 images, a few MB.
_CHECKED_AT_ONCE = 400


class Upkeep:
    """Finds and repairs inconsistencies, and removes batches.

    All changes are durable and may be repeated, even after an interruption. Removing a page of a batch excludes
    submissions. Methods take a batch's name or id; an unknown one raises InputMissingError.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def unfinished_slices(self, batch: str | int) -> Iterator[int]:
        """Yield the ids of a batch's open slices, a page at a time."""
        return walk_slices(
            self._database,
            self._id_of(batch),
            lambda _connection, page: [row.id for row in page],
            only=slices.c.finished_at.is_(None),
            at_once=_AT_ONCE,
        )

    def pages_to_check(
        self, batch: str | int, *, with_older: bool, with_hashes: bool
    ) -> Iterator[CheckedPage]:
        """Yield the files of a batch's finished images and the slices that are closed too early, a page at a time.

        with_older: leave out the images that an older batch asks for too: whoever looks at all batches meets each once.
        with_hashes: with the files' hashes.
        """
        batch_id = self._id_of(batch)
        but = AskedBefore(slices.c.batch_id < batch_id) if with_older else None

        def look(connection: Connection, page: Sequence[Row[Any]]) -> list[CheckedPage]:
            if not page:
                return []
            return [checked_page(connection, page, but=but, with_hashes=with_hashes)]

        return walk_slices(self._database, batch_id, look, at_once=_CHECKED_AT_ONCE)

    def files_standing(
        self, batch: str | int, files: Iterable[tuple[int, int]]
    ) -> Iterator[tuple[int, int, FileStanding]]:
        """Say what each file is that is at a batch's own path for an image: entry, seed and standing, in any order.

        The batch has default paths. files: entry and seed of each, those of an entry one after the other. Some are
        taken at once and then the ledger is asked, so an image that is finished meanwhile is known.
        """
        batch_id = self._id_of(batch)
        remaining = iter(files)
        recipe_of_entry: dict[int, int] = {}
        while page := list(islice(remaining, KEYS_AT_ONCE)):
            with self._database.reading() as connection:
                found, recipe_of_entry = standing_of(connection, batch_id, page, recipe_of_entry)
            yield from found

    def files_standing_at(
        self, batch: str | int, paths: Collection[str]
    ) -> Iterator[tuple[str, FileStanding]]:
        """Yield those of some paths that are own paths of a batch, whatever its template, and what a file is there.

        Makes the paths of all its images, a page at a time.
        """
        batch_id = self._id_of(batch)
        return walk_slices(
            self._database,
            batch_id,
            lambda connection, page: list(standing_at(connection, batch_id, page, paths)),
            at_once=_AT_ONCE,
        )

    def with_rows(self, paths: Collection[str]) -> set[str]:
        """Return which of these paths are those of finished images, in one walk through all images."""
        found: set[str] = set()
        after_id: int | None = 0
        while after_id is not None:
            with self._database.reading() as connection:
                rows = connection.execute(
                    select(images.c.id, images.c.path)
                    .where(images.c.id > after_id, images.c.status == str(ImageStatus.DONE))
                    .order_by(images.c.id)
                    .limit(_AT_ONCE)
                ).all()
            found.update(path for _, path in rows if path in paths)
            after_id = rows[-1].id if rows else None
        return found

    def inputs(self, batch: str | int | None = None) -> set[str]:
        """Return the sha256 of every picture that recipes need: those of a batch, or all."""
        needing = select(recipes.c.conditions).where(recipes.c.conditions.is_not(None)).distinct()
        with self._database.reading() as connection:
            if batch is not None:
                asked = select(slices.c.recipe_id).where(
                    slices.c.batch_id == batch_id_of(connection, batch)
                )
                needing = needing.where(recipes.c.id.in_(asked))
            found = connection.execute(needing).scalars()
            return {digest for row in found for digest in Conditions.from_dict(row).inputs}

    def counts_agree(self, batch: str | int) -> bool:
        """Whether a batch's counts are the sums of its slices'."""
        with self._database.reading() as connection:
            batch_id = batch_id_of(connection, batch)
            return _summed_counts(connection, batch_id) == _kept_counts(connection, batch_id)

    def recount(self, batch: str | int) -> None:
        """Recompute a batch's counts: its slices' from the images, the batch's from its slices."""
        with self._database.writing(durable=True) as connection:
            _recount_batch(connection, batch_id_of(connection, batch))

    def take_back(self, keys: Iterable[tuple[int, int]]) -> int:
        """Reset done images (recipe id, seed) to no attempts; return how many.

        Their slices are open afterwards, in every batch that asks for them. For images whose file is lost: they are
        drawn again, with the same pixels.
        """
        seeds_of: dict[int, set[int]] = {}
        for recipe_id, seed in keys:
            seeds_of.setdefault(recipe_id, set()).add(seed)
        with self._database.writing(durable=True) as connection:
            taken = sum(
                _take_back(connection, recipe, seeds_of[recipe]) for recipe in sorted(seeds_of)
            )
            recount(connection, seeds_of)
            return taken

    def _id_of(self, batch: str | int) -> int:
        with self._database.reading() as connection:
            return batch_id_of(connection, batch)

    def begin_pruning(self, batch: str | int) -> int:
        """Cancel a batch before removing it; return its id."""
        with self._database.writing(durable=True, lock=SUBMISSION_LOCK) as connection:
            batch_id = batch_id_of(connection, batch)
            removal.begin(connection, batch_id)
            return batch_id

    def prune_page(self, batch_id: int) -> PrunedPage:
        """Remove some of a batch's slices and images, or the batch if none are left; call it until `last` is True.

        The caller then removes the files that the page names. Raises TryAgainError if the batch was submitted again
        since `begin_pruning`.
        """
        with self._database.writing(durable=True, lock=SUBMISSION_LOCK) as connection:
            return removal.remove_page(connection, batch_id)


def _recount_batch(connection: Connection, batch_id: int) -> None:
    recipe_ids = connection.scalars(
        select(slices.c.recipe_id).where(slices.c.batch_id == batch_id).distinct()
    ).all()
    recount(connection, recipe_ids)
    open_slices, total, done, failed = _summed_counts(connection, batch_id)
    of_batch = batches.c.id == batch_id
    before = connection.execute(select(batches.c.completed_at).where(of_batch)).scalar()
    connection.execute(
        update(batches)
        .where(of_batch)
        .values(
            open_slices=open_slices,
            images_total=total,
            images_done=done,
            images_failed=failed,
            completed_at=None
            if open_slices
            else func.coalesce(batches.c.completed_at, literal(now_utc(), UtcTime())),
        )
    )
    if before is None:
        note_end(connection, batch_id)


def _take_back(connection: Connection, recipe_id: int, seeds: Collection[int]) -> int:
    taken = 0
    for some in parts(sorted(seeds)):
        changed = connection.execute(
            update(images)
            .where(
                images.c.recipe_id == recipe_id,
                images.c.seed.in_(some),
                images.c.status == str(ImageStatus.DONE),
            )
            .values(status=str(ImageStatus.DRAWING), attempts=0, finished_at=None)
        )
        taken += int(changed.rowcount)
    return taken


def _kept_counts(connection: Connection, batch_id: int) -> tuple[int, int, int, int]:
    row = connection.execute(
        select(
            batches.c.open_slices,
            batches.c.images_total,
            batches.c.images_done,
            batches.c.images_failed,
        ).where(batches.c.id == batch_id)
    ).one()
    return row[0], row[1], row[2], row[3]


def _summed_counts(connection: Connection, batch_id: int) -> tuple[int, int, int, int]:
    is_open = slices.c.finished_at.is_(None)
    row = connection.execute(
        select(
            func.coalesce(func.sum(case((is_open, 1), else_=0)), 0),
            func.coalesce(func.sum(slices.c.size), 0),
            func.coalesce(func.sum(case((is_open, 0), else_=slices.c.done)), 0),
            func.coalesce(func.sum(case((is_open, 0), else_=slices.c.failed)), 0),
        ).where(slices.c.batch_id == batch_id)
    ).one()
    return int(row[0]), int(row[1]), int(row[2]), int(row[3])
