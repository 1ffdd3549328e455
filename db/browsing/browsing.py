"""The part of the ledger that pages ask."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from db.browsing.marked import marked
from db.browsing.matching import Matches, matching
from db.browsing.neighbours import Neighbours, neighbours
from db.browsing.newest import NewestPage, newest
from db.browsing.partners import Partner, Placed, partners, same_seed
from db.browsing.picture import Picture
from db.browsing.prompts import Prompt, entry_before, prompts_from, recipe_of_entry
from db.browsing.tiles import TilesPage, tiles_after
from db.connection import Database
from db.engines import load_engines
from db.finished import finished_by_id
from db.pace import RECENT_IMAGES
from db.report import statuses_of
from db.tables import batches, engines, images, slices
from db.values import BatchStatus, EngineRecord, FinishedImage, ImageStatus, Mark
from sdq_core.values.recipes import Recipe

if TYPE_CHECKING:
    from db.columns.where import Where

_DONE = str(ImageStatus.DONE)


class Browsing:
    """Reads for pages; blocks nobody. Each method sees one state of the ledger, except `matching`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def statuses_before(self, batch_id: int | None, limit: int) -> Sequence[BatchStatus]:
        """Return batches, the newest first. batch_id: only those that are older; None for the newest."""
        query = select(batches).order_by(batches.c.id.desc()).limit(limit)
        if batch_id is not None:
            query = query.where(batches.c.id < batch_id)
        with self._database.reading() as connection:
            return statuses_of(connection, query)

    def prompts(self, batch_id: int, first: int, count: int, each: int) -> Sequence[Prompt]:
        """Return a batch's entries from a number on, each with at most so many of its first images."""
        with self._database.reading() as connection:
            return prompts_from(connection, batch_id, first, count, each)

    def entry_before(self, batch_id: int, entry: int, steps: int) -> int | None:
        """Return the entry so many before one, or the first of the batch; None if there is none before it."""
        with self._database.reading() as connection:
            return entry_before(connection, batch_id, entry, steps)

    def recipe(self, batch_id: int, entry: int) -> Recipe | None:
        """Return what an entry of a batch asks for; None if there is no such entry."""
        with self._database.reading() as connection:
            return recipe_of_entry(connection, batch_id, entry)

    def tiles(self, batch_id: int, entry: int, after: tuple[int, int], limit: int) -> TilesPage:
        """Return images of an entry, drawn or not, in the order of its seeds. after: (0, 0) for the first."""
        with self._database.reading() as connection:
            return tiles_after(connection, batch_id, entry, after, limit)

    def neighbours(self, batch_id: int, entry: int, seed: int, around: int) -> Neighbours:
        """Return what is beside an image of a batch. around: how many seeds before it, and after it, at most."""
        with self._database.reading() as connection:
            return neighbours(connection, batch_id, entry, seed, around)

    def matching(
        self,
        batch_id: int,
        where: Where | None,
        after: tuple[int, int],
        *,
        enough: int,
        patience_s: float,
    ) -> Matches:
        """Return finished images that a condition chooses, by entry and slice. after: (0, 0) for the first.

        It may look for as long as patience_s, and a page's reading more, and then says where to go on.
        """
        return matching(self._database, batch_id, where, after, enough, patience_s)

    def newest(self, batch_id: int | None, before: int | None, limit: int) -> NewestPage:
        """Return the newest images of a batch, or of all. before: only those of lower id; None for any."""
        with self._database.reading() as connection:
            return newest(connection, batch_id, before, limit)

    def marked(self, batch_id: int, mark: Mark, before: int | None, limit: int) -> NewestPage:
        """Return the newest images with a mark that a batch asks for. before: only those of lower id; None for any."""
        with self._database.reading() as connection:
            return marked(connection, batch_id, mark, before, limit)

    def picture(self, image_id: int) -> Picture | None:
        """Return the file of a finished image, by its id; None if there is none."""
        query = select(
            images.c.path,
            images.c.size_bytes,
            images.c.sha256,
            images.c.pixels_sha256,
            images.c.nsfw_flagged,
        ).where(images.c.id == image_id, images.c.status == _DONE)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else Picture(**row)

    def place(self, image_id: int) -> tuple[int, int, int] | None:
        """Return the batch, the entry and the seed that an image was drawn for, by its id; None if there is none."""
        query = (
            select(slices.c.batch_id, slices.c.entry, images.c.seed)
            .join_from(images, slices, slices.c.id == images.c.slice_id)
            .where(images.c.id == image_id)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row.batch_id, row.entry, row.seed)

    def partners(self, batch_id: int, prompts: Sequence[Prompt]) -> Mapping[int, Partner]:
        """Return what a batch has with the prompts and seeds of some entries of another one, by their numbers there."""
        with self._database.reading() as connection:
            return partners(connection, batch_id, prompts)

    def same_seed(self, recipe: Recipe, seed: int, limit: int) -> Sequence[Placed]:
        """Return finished images with a recipe's prompts and a seed, its own among them, the newest first."""
        with self._database.reading() as connection:
            return same_seed(connection, recipe, seed, limit)

    def finished_since(
        self, moment: datetime, limit: int, *, without: Collection[int] = ()
    ) -> Sequence[FinishedImage]:
        """Return the newest images that were finished since a time, the oldest of them first, each as it was drawn for.

        Only the images that were begun last are looked at, as for the pace. without: ids to leave out.
        """
        recent = (
            select(images.c.id, images.c.slice_id, images.c.status, images.c.finished_at)
            .order_by(images.c.id.desc())
            .limit(RECENT_IMAGES)
            .subquery()
        )
        done = (
            select(recent.c.slice_id, recent.c.id)
            .where(recent.c.status == _DONE, recent.c.finished_at >= moment)
            .order_by(recent.c.id.desc())
        )
        with self._database.reading() as connection:
            found = [(row.slice_id, row.id) for row in connection.execute(done)]
            new = [ids for ids in found if ids[1] not in without and ids[0] is not None][:limit]
            return list(finished_by_id(connection, new[::-1], {}))

    def last_engines(self, workers: Collection[str]) -> Mapping[str, EngineRecord]:
        """Return the engine that each of some workers started last, by the worker's name."""
        last = (
            select(func.max(engines.c.id))
            .where(engines.c.worker.in_(workers))
            .group_by(engines.c.worker)
        )
        with self._database.reading() as connection:
            ids = list(connection.scalars(last))
            return {engine.worker: engine for engine in load_engines(connection, ids).values()}
