"""Saves drawn images as files and then rows, waiting out problems with the disk or the ledger."""

from __future__ import annotations

from db.ledger import Ledger
from db.values import ImageRecord, Recorded
from worker.claims.shift import Shift
from worker.drawing.engines import LoadedEngine
from worker.drawing.feed import Asked
from worker.drawing.saving import Gallery
from worker.drawing.tally import Tally
from worker.pipelines.contract import DrawnImage


class Keeper:
    """Saves what one worker draws."""

    def __init__(self, gallery: Gallery, *, ledger: Ledger, shift: Shift, tally: Tally) -> None:
        self._gallery = gallery
        self._ledger = ledger
        self._shift = shift
        self._tally = tally

    def save(self, image: DrawnImage, asked: Asked, loaded: LoadedEngine) -> ImageRecord:
        """Write the file; return the row that may be recorded now."""
        slice_, seed = asked.open_slice.slice_, asked.seed
        return self._shift.until_done(
            lambda: self._gallery.save(
                slice_,
                seed,
                image,
                engine_id=loaded.id,
                engine=loaded.record,
                queue_wait_ms=asked.open_slice.queue_wait_ms,
                begun_before=seed in asked.open_slice.begun_before,
                noted_path=lambda: self._ledger.work.noted_path(slice_.recipe_id, seed),
                is_anothers=lambda path: self._ledger.work.is_anothers(
                    path, slice_.recipe_id, seed
                ),
            )
        )

    def record(
        self, record: ImageRecord, asked: Asked, *, begun: int | None, upcoming: int | None
    ) -> Recorded:
        """Commit the row of a saved image.

        begun, upcoming: seeds of the same slice, the one that the engine is drawing and the one to request next.
        """
        recorded = self._shift.until_done(
            lambda: self._ledger.work.record_and_go_on(record, begun=begun, upcoming=upcoming)
        )
        if not recorded.new:
            self._shift.until_done(lambda: self._settle_between(record))
        self._tally.count_drawn(asked.open_slice.slice_, asked.seed)
        return recorded

    def _settle_between(self, record: ImageRecord) -> None:
        """Make row and file match, after another worker recorded the same image first.

        It did so for another batch, and this file is a spare; or its slice was delivered twice, after a worker that
        looked dead came back. With one variant on one system the files are identical then; with different ones, the
        second file may have replaced the first before or after the first one's row was written.
        """
        if self._ledger.work.path_of(record.recipe_id, record.seed) not in {record.path, None}:
            self._gallery.remove(record)
        elif self._gallery.holds(record):
            self._ledger.work.replace_done(record)
