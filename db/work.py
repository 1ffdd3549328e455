"""What a worker reads from the ledger and records in it: slices, attempts, engines and images."""

from __future__ import annotations

from collections.abc import Sequence

from db import attempts, counts, engines, images, slices
from db.connection import Database
from db.values import (
    EngineRecord,
    ImageRecord,
    Recorded,
    Slice,
    SliceProgress,
    SliceRef,
    Standing,
)


class Work:
    """Slices to draw, and the results of their images.

    Several workers may have the same slice: an image that is done stays done and is counted once. Commits are not
    durable on SQLite: a power cut may lose the most recent ones, and their images are drawn again over the same files.
    Record an image only when its file is in place, so that no row ever lacks its file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._started_slices: set[int] = set()

    def open_slices(self, *, after_id: int = 0, limit: int = 10000) -> list[SliceRef]:
        """List unfinished slices of active batches, except those of paused variants, by id, above after_id."""
        with self._database.reading() as connection:
            return slices.open_slices(connection, after_id=after_id, limit=limit)

    def load_slice(self, slice_id: int) -> Slice | None:
        """Return a slice with its recipe and whether it is wanted now, None if there is none."""
        # A removed batch leaves its slices' ids to the next one, which has not begun.
        self._started_slices.discard(slice_id)
        with self._database.reading() as connection:
            return slices.load_slice(connection, slice_id)

    def progress(self, slice_: Slice) -> SliceProgress:
        """Return which of the slice's seeds are settled, and how often each was tried."""
        with self._database.reading() as connection:
            return slices.progress(connection, slice_)

    def register_engine(self, record: EngineRecord) -> int:
        """Store an engine that was started; return the id that its images reference."""
        with self._database.writing() as connection:
            return engines.register_engine(connection, record)

    def reserve(
        self, recipe_id: int, seed: int, *, slice_id: int, instead_of: int | None = None
    ) -> Standing:
        """Reserve an image for a slice before an engine is asked for it; return how it stands then.

        It is not to be drawn if it is settled, or if another slice has it, which was first to ask for it.

        instead_of: another slice, which nobody draws now.
        """
        with self._database.writing() as connection:
            return attempts.reserve(
                connection, recipe_id, seed, slice_id=slice_id, instead_of=instead_of
            )

    def note_attempts(
        self,
        recipe_id: int,
        seeds: Sequence[int],
        *,
        engine_id: int,
        slice_id: int | None = None,
    ) -> dict[int, int]:
        """Count an attempt at each image that its engine begins; return seed -> attempts so far, including this one.

        The result leaves out images that are settled or that another slice has: do not go on with them.

        slice_id: their slice; its batch starts with the first attempt.
        """
        with self._database.writing() as connection:
            noted = attempts.note_attempts(
                connection,
                recipe_id,
                seeds,
                engine_id=engine_id,
                slice_id=slice_id,
            )
            if slice_id is not None and slice_id not in self._started_slices:
                attempts.mark_started(connection, slice_id)
        if slice_id is not None:
            self._started_slices.add(slice_id)
        return noted

    def forgive_attempt(self, recipe_id: int, seed: int) -> None:
        """Take back an attempt that was not the image's fault: a full disk, a graceful stop."""
        with self._database.writing() as connection:
            attempts.forgive_attempt(connection, recipe_id, seed)

    def forgive_worker(self, worker: str) -> None:
        """Take back the attempts at the images that a worker died with, where they were not the cause."""
        with self._database.writing() as connection:
            attempts.forgive_worker(connection, worker)

    def record_and_go_on(
        self, record: ImageRecord, *, begun: int | None = None, upcoming: int | None = None
    ) -> Recorded:
        """Mark an image whose file is in place as done.

        One commit for what a worker does after each image, with seeds of the same slice: record an image, count an
        attempt at the one that its engine has begun in the meantime, reserve the one to ask for next, and check whether
        their batch is still wanted.
        """
        with self._database.writing() as connection:
            return images.record_and_go_on(connection, record, begun=begun, upcoming=upcoming)

    def path_of(self, recipe_id: int, seed: int) -> str | None:
        """Return the path of a done image, None if it is not done."""
        with self._database.reading() as connection:
            return images.path_of(connection, recipe_id, seed)

    def noted_path(self, recipe_id: int, seed: int) -> str | None:
        """Return the path in an image's row, also if it is to be drawn again."""
        with self._database.reading() as connection:
            return images.noted_path(connection, recipe_id, seed)

    def is_anothers(self, path: str, recipe_id: int, seed: int) -> bool:
        """Whether the file at a path is that of another finished image than this one; reads all images."""
        with self._database.reading() as connection:
            return images.is_anothers(connection, path, recipe_id, seed)

    def replace_done(self, record: ImageRecord) -> bool:
        """Replace a done image's row by that of this drawing, whose file replaced the other at the same path.

        Returns False, and changes nothing, if the row's file is elsewhere or the image is not done.
        """
        with self._database.writing() as connection:
            return images.replace_done(connection, record)

    def record_failure(
        self,
        recipe_id: int,
        seed: int,
        *,
        slice_id: int,
        engine_id: int | None,
        error: str,
        final: bool,
    ) -> None:
        """Record why an image was not drawn. An image that is done in the meantime stays done.

        engine_id: the engine that failed; None keeps the one that the attempt was noted with.
        final: give the image up.
        """
        with self._database.writing() as connection:
            images.record_failure(
                connection,
                recipe_id,
                seed,
                slice_id=slice_id,
                engine_id=engine_id,
                error=error,
                final=final,
            )

    def finish_slice(self, slice_id: int) -> bool:
        """Close a slice if all its images are settled; return whether it is closed."""
        with self._database.writing() as connection:
            closed = counts.finish_slice(connection, slice_id)
        self._started_slices.discard(slice_id)
        return closed
