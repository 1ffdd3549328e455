"""Batches: their status, their images, and whether they are active, paused or cancelled."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select, update

from db.choices import options_of
from db.connection import SUBMISSION_LOCK, Database
from db.counts import recount
from db.drawn import DrawnSlice, drawn_slices, names_of_meta
from db.finished import finished_by_id, finished_images
from db.first_images import first_images
from db.history import BatchHistory, history_of
from db.known_image import KnownImage, image_at, image_in_batch, image_of_recipe
from db.order import move, ranks
from db.overview import Overview, overview_of
from db.recipe_rows import RECIPE_COLUMNS, all_variants, recipe_of, variant_of
from db.report import batch_id_of, find_batch, names_beginning, statuses_of
from db.slices import has_failed
from db.sorted_images import sorted_images
from db.tables import batches, images, recipes, slices, variants
from db.values import BatchRequest, BatchState, BatchStatus, FailedImage, FinishedImage, ImageStatus
from db.walk import parts
from sdq_core.values.order import Priority, Rank
from sdq_core.values.seeds import parse_seeds
from sdq_core.values.variants import RecipeVariant

if TYPE_CHECKING:
    from db.columns import Sorting
    from db.columns.where import Where


class Batches:
    """Batches as `sdq status` shows them and as the user controls them.

    Reading blocks nobody and sees one state of the ledger, except `images`, which reads page by page. Changes are
    durable: they survive a power cut. Methods take a batch's name or, if no batch has that name, its id; an unknown one
    raises InputMissingError.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def statuses(self, limit: int | None = None) -> list[BatchStatus]:
        """Return the status of batches, the newest first. limit: at most this many."""
        with self._database.reading() as connection:
            newest_first = select(batches).order_by(batches.c.id.desc()).limit(limit)
            return statuses_of(connection, newest_first)

    def find(self, name_or_id: str | int) -> BatchStatus | None:
        """Return the status of the batch with that name, else with that id, else None."""
        with self._database.reading() as connection:
            return find_batch(connection, name_or_id)

    def overview(self, batch_id: int | None = None, *, ended: int = 0) -> Overview:
        """Return the batches that are not finished, with the pace.

        batch_id: this one only, however it stands. ended: so many of those that are done or cancelled as well.
        """
        with self._database.reading() as connection:
            return overview_of(connection, batch_id, ended)

    def request(self, batch: str | int) -> BatchRequest:
        """Return what a batch asks for, as far as it is the same for all of it."""
        with self._database.reading() as connection:
            batch_id = batch_id_of(connection, batch)
            row = connection.execute(select(batches).where(batches.c.id == batch_id)).one()
            return BatchRequest(entries=row.entries, options=options_of(row.options))

    def requests(self, first: int, last: int) -> dict[int, BatchRequest]:
        """Return what the batches with ids from `first` to `last` ask for, as `request` does, by their ids."""
        with self._database.reading() as connection:
            rows = connection.execute(
                select(batches.c.id, batches.c.entries, batches.c.options).where(
                    batches.c.id.between(first, last)
                )
            )
            return {
                row.id: BatchRequest(entries=row.entries, options=options_of(row.options))
                for row in rows
            }

    def beginning_with(self, text: str) -> list[str]:
        """List the names of batches that begin with a text, the newest first."""
        with self._database.reading() as connection:
            return names_beginning(connection, text)

    def image(self, batch: str | int, entry: int, seed: int) -> KnownImage | None:
        """Return an image of a batch, drawn or not; None if the batch does not ask for it."""
        with self._database.reading() as connection:
            return image_in_batch(connection, batch_id_of(connection, batch), entry, seed)

    def image_of_recipe(self, content_key: str, seed: int) -> KnownImage | None:
        """Return the image with that identity if it was ever tried, else None."""
        with self._database.reading() as connection:
            return image_of_recipe(connection, content_key, seed)

    def image_at(self, path: str) -> KnownImage | None:
        """Return the finished image whose file has this path below the outputs; reads all images."""
        with self._database.reading() as connection:
            return image_at(connection, path)

    def history(self, batch: str | int) -> BatchHistory:
        """Return what the ledger knows of the course of a batch; its time grows with the slices, not the images."""
        with self._database.reading() as connection:
            return history_of(connection, batch_id_of(connection, batch))

    def images(
        self,
        batch: str | int,
        *,
        where: Where | None = None,
        sort: Sorting | None = None,
        limit: int | None = None,
    ) -> Iterator[FinishedImage]:
        """Yield a batch's finished images by entry, slice and seed, a page at a time.

        where: only those that it chooses.
        sort: in this order instead. What they are sorted by waits in a temporary file, so memory does not grow.
        limit: at most this many.
        """
        with self._database.reading() as connection:
            batch_id = batch_id_of(connection, batch)
        if sort is not None:
            return sorted_images(self._database, batch_id, sort, where, limit)
        return islice(finished_images(self._database, batch_id, where), limit)

    def drawn_slices(
        self,
        batch: str | int,
        *,
        where: Where | None = None,
        without: Collection[int] = (),
    ) -> Iterator[DrawnSlice]:
        """Yield a batch's slices that have finished images, by entry, with the rows of the images as they are stored.

        For whoever writes a million of them: it takes a fraction of the time of `images`.

        where: only the images that it chooses.
        without: leave out images that one of these batches (ids) asks for too.
        """
        with self._database.reading() as connection:
            batch_id = batch_id_of(connection, batch)
        return drawn_slices(self._database, batch_id, where=where, without=without)

    def names_of_meta(self, batch: str | int) -> list[str]:
        """Return the names of the user's own fields in a batch, in the order in which they come first."""
        with self._database.reading() as connection:
            batch_id = batch_id_of(connection, batch)
        return names_of_meta(self._database, batch_id)

    def images_with(self, ids: Sequence[tuple[int, int]]) -> list[FinishedImage]:
        """Return images by the ids of the slices that ask for them and their own, in that order.

        Those that are gone are left out. ids: some thousands at most.
        """
        with self._database.reading() as connection:
            return list(finished_by_id(connection, ids, {}))

    def first_images(
        self, batch: str | int, each: int, *, where: Where | None = None
    ) -> Iterator[FinishedImage]:
        """Yield at most `each` finished images of each entry, by entry, slice and seed; where: of those it chooses.

        Further images of an entry are not read, so this takes no longer for a batch with more seeds.
        """
        with self._database.reading() as connection:
            batch_id = batch_id_of(connection, batch)
        return first_images(self._database, batch_id, each, where)

    def failed_images(self, batch: str | int, limit: int | None = None) -> list[FailedImage]:
        """List a batch's failed images in the order of its slices."""
        with self._database.reading() as connection:
            return _failed_images(connection, batch_id_of(connection, batch), limit)

    def cut_prompts(self, batch: str | int) -> list[int]:
        """List the entries with prompts that the model did not read to their ends, of those with a finished image."""
        with self._database.reading() as connection:
            return _cut_prompts(connection, batch_id_of(connection, batch))

    def open_variants(self, batch: str | int) -> dict[RecipeVariant, str | None]:
        """Return the variants of a batch's unfinished slices, each with the reason of its pause, else None."""
        with self._database.reading() as connection:
            return _open_variants(connection, batch_id_of(connection, batch))

    def set_state(self, batch: str | int, state: BatchState) -> None:
        """Make a batch active, paused or cancelled, durably."""
        with self._database.writing(durable=True) as connection:
            batch_id = batch_id_of(connection, batch)
            connection.execute(
                update(batches).where(batches.c.id == batch_id).values(state=str(state))
            )

    def ranks(self) -> dict[int, Rank]:
        """Return the rank of each batch of which something is to be drawn, by its id."""
        with self._database.reading() as connection:
            return ranks(connection)

    def move(
        self, batch: str | int, *, priority: Priority | None = None, to_front: bool = False
    ) -> Rank:
        """Change a batch's place in the order, durably; return its rank.

        priority: None keeps the one it has.
        to_front: before all others of its priority, else in line with them.
        """
        with self._database.writing(durable=True, lock=SUBMISSION_LOCK) as connection:
            batch_id = batch_id_of(connection, batch)
            return move(connection, batch_id, priority=priority, to_front=to_front)

    def retry_failed(self, batch: str | int) -> int:
        """Reset a batch's failed images to no attempts, durably; return how many.

        Their slices are open afterwards, so `Work.open_slices` lists them.
        """
        with self._database.writing(durable=True) as connection:
            return _retry_failed(connection, batch_id_of(connection, batch))


def _open_variants(connection: Connection, batch_id: int) -> dict[RecipeVariant, str | None]:
    wanted = (
        select(recipes.c.variant_id)
        .join_from(slices, recipes)
        .where(slices.c.batch_id == batch_id, slices.c.finished_at.is_(None))
        .distinct()
    )
    found = connection.execute(all_variants().where(variants.c.id.in_(wanted))).mappings()
    return {
        variant_of(row): None if row["paused_since"] is None else row["pause_reason"] or ""
        for row in found
    }


def _failed_images(connection: Connection, batch_id: int, limit: int | None) -> list[FailedImage]:
    """List a batch's failed images in the order of its slices."""
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
        .where(has_failed(batch_id))
        .order_by(slices.c.entry, slices.c.id)
    ).mappings()
    found: list[FailedImage] = []
    for row in rows:
        recipe = recipe_of(row)
        seeds = parse_seeds(row["seeds"])
        failed = connection.execute(
            select(images.c.seed, images.c.attempts, images.c.error).where(
                images.c.recipe_id == row["recipe_id"],
                images.c.seed.between(min(seeds), max(seeds)),
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
            for seed in seeds
            if seed in by_seed
        ]
        if limit is not None and len(found) >= limit:
            return found[:limit]
    return found


def _cut_prompts(connection: Connection, batch_id: int) -> list[int]:
    """List the entries whose prompt or negative prompt was cut; images of a recipe are cut alike, so one is read."""
    one_image = (
        select(images.c.truncated_tokens)
        .where(images.c.recipe_id == slices.c.recipe_id, images.c.status == str(ImageStatus.DONE))
        .limit(1)
        .scalar_subquery()
    )
    return list(
        connection.scalars(
            select(slices.c.entry)
            .where(slices.c.batch_id == batch_id, one_image > 0)
            .group_by(slices.c.entry)
            .order_by(slices.c.entry)
        )
    )


def _retry_failed(connection: Connection, batch_id: int) -> int:
    """Reset a batch's failed images to no attempts; return how many.

    Their slices are open afterwards, including those of other batches that ask for the same images.
    """
    slice_rows = connection.execute(
        select(slices.c.recipe_id, slices.c.seeds).where(has_failed(batch_id))
    ).all()
    seeds: dict[int, set[int]] = {}
    for slice_ in slice_rows:
        seeds.setdefault(slice_.recipe_id, set()).update(parse_seeds(slice_.seeds))
    retried = 0
    for recipe_id, wanted in sorted(seeds.items()):
        failed = connection.execute(
            select(images.c.id, images.c.seed).where(
                images.c.recipe_id == recipe_id, images.c.status == str(ImageStatus.FAILED)
            )
        ).all()
        ids = [image_id for image_id, seed in failed if seed in wanted]
        for some in parts(ids):
            connection.execute(
                update(images)
                .where(images.c.id.in_(some))
                .values(status=str(ImageStatus.DRAWING), attempts=0, finished_at=None)
            )
        retried += len(ids)
    recount(connection, seeds)
    return retried
