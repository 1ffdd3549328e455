"""The ledger's one face: every question and every change that the rest of sdq has for the database.

Each method is one transaction: it happens wholly or not at all, also when the process is killed in the middle of it.
Everything is idempotent, so a caller that does not know whether a call went through may repeat it.

All methods raise ServiceUnavailableError (unreachable, locked), StorageError (disk full), OutputError (not writable) or
ConfigurationError (not our database), with the database's name and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType

from sqlalchemy import select

from db import audit, benchmarks, estimates, images, prune, report, slices, walk
from db.connection import BUSY_TIMEOUT_S, SUBMISSION_LOCK, Database, may_exist
from db.schema import bring_to_head
from db.submission import options_of_batch, submit
from db.tables import identity
from db.values import (
    JSON,
    BatchPlan,
    BatchState,
    BatchStatus,
    Benchmark,
    DrawnImage,
    EngineRecord,
    FailedImage,
    ImageRecord,
    PausedVariant,
    PrunedPage,
    Recorded,
    Slice,
    SliceAudit,
    SliceProgress,
    SliceRef,
    Submission,
)
from sdq_core.values.variants import RecipeVariant, Variant


class Ledger:
    """What was asked for and what was drawn. Threads may share it; after a fork or spawn, open another."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.reading() as connection:
            self._id = str(connection.execute(select(identity.c.ledger_id)).scalar_one())
        self._started_slices: set[int] = set()

    @classmethod
    def open(cls, url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Ledger:
        """Open the ledger at an SQLAlchemy URL, and create or migrate it where that is due.

        ``sqlite:////absolute/path`` or ``postgresql://user:password@host/database`` (``postgres://`` too).
        busy_timeout_s: how long to wait for other writers, s.
        """
        database = Database(url, busy_timeout_s=busy_timeout_s)
        try:
            bring_to_head(database)
            return cls(database)
        except BaseException:
            database.close()
            raise

    @staticmethod
    def may_exist(url: str) -> bool:
        """Say whether `open` may find something; False only where it would make a new SQLite file."""
        return may_exist(url)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def id(self) -> str:
        """12 hexadecimal digits, drawn when the ledger was created: its queues' name, however its URL is spelled."""
        return self._id

    @property
    def url_without_password(self) -> str:
        """The URL as it may be shown and logged."""
        return self._database.url_without_password

    # What to draw ------------------------------------------------------------------------------------------------

    def add_batch(self, plan: BatchPlan) -> Submission:
        """Store a submission, durably, and say what it added; see `db.submission` for what a batch is."""
        with self._database.writing(durable=True, lock=SUBMISSION_LOCK) as connection:
            return submit(connection, plan)

    def preview(self, plan: BatchPlan) -> Submission:
        """Say what `add_batch` would add, and store nothing. Ids in the answer mean nothing."""
        with self._database.trying(lock=SUBMISSION_LOCK) as connection:
            return submit(connection, plan)

    def batch_options(
        self, name: str | None, source_name: str, source: str
    ) -> Mapping[str, JSON] | None:
        """Give the options of the batch that a plan of that name and source would grow, None where it makes one.

        They are those of its first submission, with all that was chosen for it since (`BatchPlan.chosen`).
        """
        with self._database.reading() as connection:
            return options_of_batch(connection, name, source_name, source)

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

    def set_batch_state(self, batch: str | int, state: BatchState) -> None:
        """Make a batch active, paused or cancelled; raise InputMissingError when there is no such batch."""
        with self._database.writing(durable=True) as connection:
            slices.set_batch_state(connection, report.batch_id_of(connection, batch), state)

    def pause_variant(self, variant: str | Variant, reason: str) -> None:
        """Hold a variant, or the one of a key, back until it is resumed; a second reason does not replace the first.

        Raise InputMissingError for a key that the ledger does not know.
        """
        with self._database.writing(durable=True) as connection:
            slices.pause_variant(connection, variant, reason)

    def resume_variant(self, key: str) -> bool:
        """Let a variant be drawn again; give whether it was paused. Raise InputMissingError for an unknown key."""
        with self._database.writing(durable=True) as connection:
            return slices.resume_variant(connection, key)

    def variants(self) -> dict[str, RecipeVariant]:
        """Give every variant that was asked for or drawn with, by its key."""
        with self._database.reading() as connection:
            return slices.known_variants(connection)

    def paused_variants(self) -> list[PausedVariant]:
        """List the variants that are held back, the longest first."""
        with self._database.reading() as connection:
            return slices.paused_variants(connection)

    # Drawing -----------------------------------------------------------------------------------------------------

    def register_engine(self, record: EngineRecord) -> int:
        """Store an engine that was started, and give the id that its images refer to."""
        with self._database.writing() as connection:
            return images.register_engine(connection, record)

    def note_attempts(
        self, recipe_id: int, seeds: Sequence[int], *, engine_id: int, slice_id: int | None = None
    ) -> dict[int, int]:
        """Count an attempt at each image, before it is tried, and give the attempts so far, this one included.

        Images that are done or given up are left out of the answer: do not draw them. slice_id: whose, which also
        starts its batch's clock.
        """
        with self._database.writing() as connection:
            noted = images.note_attempts(
                connection, recipe_id, seeds, engine_id=engine_id, slice_id=slice_id
            )
            if slice_id is not None and slice_id not in self._started_slices:
                images.mark_started(connection, slice_id)
        if slice_id is not None:
            self._started_slices.add(slice_id)
        return noted

    def forgive_attempt(self, recipe_id: int, seed: int) -> None:
        """Take back an attempt that was not the image's fault: a full disk, a graceful stop."""
        with self._database.writing() as connection:
            images.forgive_attempt(connection, recipe_id, seed)

    def record_image(self, record: ImageRecord) -> bool:
        """Turn an image into done, its file being in place; give False when it was done already, and stays."""
        return self.record_images([record]) == 1

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

    def record_images(self, records: Iterable[ImageRecord]) -> int:
        """Turn images into done in one commit; give how many were not done yet."""
        with self._database.writing() as connection:
            return images.record_images(connection, records)

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
            closed = images.finish_slice(connection, slice_id)
        self._started_slices.discard(slice_id)
        return closed

    def retry_failed(self, batch: str | int) -> int:
        """Take up a batch's given-up images again with no attempts counted, and give how many.

        Their slices are open afterwards, for `open_slices`. Raise InputMissingError when there is no such batch.
        """
        with self._database.writing(durable=True) as connection:
            return images.retry_failed(connection, report.batch_id_of(connection, batch))

    def take_back(self, keys: Iterable[tuple[int, int]]) -> int:
        """Make done images (recipe id, seed) whose files are lost undone, and give how many; their slices are open."""
        with self._database.writing(durable=True) as connection:
            return audit.take_back(connection, keys)

    def recount(self, batch: str | int) -> None:
        """Count a batch anew from its images; raise InputMissingError when there is no such batch."""
        with self._database.writing(durable=True) as connection:
            audit.recount_batch(connection, report.batch_id_of(connection, batch))

    def begin_pruning(self, batch: str | int) -> int:
        """Cancel a batch that is to be forgotten, and give its id; raise InputMissingError when there is none."""
        with self._database.writing(durable=True, lock=SUBMISSION_LOCK) as connection:
            batch_id = report.batch_id_of(connection, batch)
            prune.begin(connection, batch_id)
            return batch_id

    def prune_page(self, batch_id: int) -> PrunedPage:
        """Forget some of a batch's slices and images, or the batch when none are left; call it until it says so.

        The files that it names are to be removed by the caller, after it returned. Raises TryAgainError when the batch
        was submitted again since `begin_pruning`.
        """
        with self._database.writing(durable=True, lock=SUBMISSION_LOCK) as connection:
            return prune.prune_page(connection, batch_id)

    # Measuring ---------------------------------------------------------------------------------------------------

    def record_benchmarks(self, measured: Sequence[Benchmark]) -> None:
        """Keep what was measured of a model."""
        with self._database.writing(durable=True) as connection:
            benchmarks.record(connection, measured)

    def benchmarks(self, model: str) -> list[Benchmark]:
        """Give the newest measurement of each of a model's variants on each machine, oldest first."""
        with self._database.reading() as connection:
            return benchmarks.newest(connection, model)

    # Looking -----------------------------------------------------------------------------------------------------

    def batches(self, limit: int | None = None) -> list[BatchStatus]:
        """Give how the newest batches stand, the newest first."""
        with self._database.reading() as connection:
            return report.list_batches(connection, limit)

    def batch(self, name_or_id: str | int) -> BatchStatus | None:
        """Give how the batch of that name stands, else the one of that id, else None."""
        with self._database.reading() as connection:
            return report.find_batch(connection, name_or_id)

    def failed_images(self, batch: str | int, limit: int | None = None) -> list[FailedImage]:
        """List a batch's given-up images; raise InputMissingError when there is no such batch."""
        with self._database.reading() as connection:
            return report.failed_images(connection, report.batch_id_of(connection, batch), limit)

    def images(self, batch: str | int) -> Iterator[DrawnImage]:
        """Yield a batch's finished images by entry, slice and seed, a page at a time.

        Raise InputMissingError when there is no such batch.
        """
        with self._database.reading() as connection:
            batch_id = report.batch_id_of(connection, batch)
        return walk.drawn_images(self._database, batch_id)

    def audited_slices(self, batch: str | int) -> Iterator[SliceAudit]:
        """Yield a batch's slices with what is left of each; raise InputMissingError when there is no such batch."""
        with self._database.reading() as connection:
            batch_id = report.batch_id_of(connection, batch)
        return audit.audited_slices(self._database, batch_id)

    def counts_agree(self, batch: str | int) -> bool:
        """Say whether a batch's counts are the sums of its slices'."""
        with self._database.reading() as connection:
            return audit.counts_agree(connection, report.batch_id_of(connection, batch))

    def image_ms(self, variant: RecipeVariant, num_inference_steps: int) -> float | None:
        """Estimate what an image takes its engine, ms, from recent ones; None when the variant drew none."""
        with self._database.reading() as connection:
            return estimates.image_ms(connection, variant, num_inference_steps)

    def image_bytes(self, width: int, height: int) -> float | None:
        """Estimate the size of an image's file from recent ones of that many pixels, or None."""
        with self._database.reading() as connection:
            return estimates.image_bytes(connection, width, height)
