"""What a worker asks of the ledger and records in it: slices, attempts, engines and images."""

from __future__ import annotations

from collections.abc import Sequence

from db import attempts, counts, engines, images, slices
from db.connection import Database
from db.values import EngineRecord, ImageRecord, Recorded, Slice, SliceProgress, SliceRef


class Work:
    """Slices to draw, and what became of their images.

    Several workers may hold the same slice: an image that is done stays done and is counted once. Commits are not
    durable on SQLite: a power cut may lose the last ones, and their images are drawn again over the same files. So
    record an image only when its file is in place: no row ever lacks its file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._started_slices: set[int] = set()

    def open_slices(self, *, after_id: int = 0, limit: int = 10000) -> list[SliceRef]:
        """List unfinished slices of active batches, without those of paused variants, by id from beyond after_id."""
        with self._database.reading() as connection:
            return slices.open_slices(connection, after_id=after_id, limit=limit)

    def load_slice(self, slice_id: int) -> Slice | None:
        """Give a slice with its recipe, and whether it is wanted now, or None when there is none."""
        with self._database.reading() as connection:
            return slices.load_slice(connection, slice_id)

    def progress(self, slice_: Slice) -> SliceProgress:
        """Give which of the slice's seeds are settled, and how often each was tried."""
        with self._database.reading() as connection:
            return slices.progress(connection, slice_)

    def register_engine(self, record: EngineRecord) -> int:
        """Store an engine that was started, and give the id that its images refer to."""
        with self._database.writing() as connection:
            return engines.register_engine(connection, record)

    def note_attempts(
        self, recipe_id: int, seeds: Sequence[int], *, engine_id: int, slice_id: int | None = None
    ) -> dict[int, int]:
        """Count an attempt at each image, before it is tried, and give the attempts so far, this one included.

        Images that are done or given up are left out of the answer: do not draw them. slice_id: whose, which also
        starts its batch's clock.
        """
        with self._database.writing() as connection:
            noted = attempts.note_attempts(
                connection, recipe_id, seeds, engine_id=engine_id, slice_id=slice_id
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

    def record_and_go_on(self, record: ImageRecord, upcoming: int | None) -> Recorded:
        """Turn an image into done, its file being in place, and count an attempt at another seed of its slice.

        One commit for what a worker does after each image: record, note, and ask whether its batch is still wanted. An
        upcoming image that is done or given up, or whose batch was paused or cancelled, is not noted: do not draw it.
        """
        with self._database.writing() as connection:
            return images.record_and_go_on(connection, record, upcoming)

    def replace_done(self, record: ImageRecord) -> bool:
        """Let a done image's row tell of this drawing instead: its file lies where the row says, in place of the other.

        Give False, and change nothing, where the row's file lies elsewhere or the image is not done.
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
        """Keep why an image was not drawn; final gives it up. An image that is done meanwhile stays done.

        engine_id: which failed; None keeps the one that the attempt was noted with.
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
        """Close a slice whose images are all done or given up; give whether it is closed."""
        with self._database.writing() as connection:
            closed = counts.finish_slice(connection, slice_id)
        self._started_slices.discard(slice_id)
        return closed
