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
            )
        )

    def record(self, record: ImageRecord, asked: Asked, upcoming: int | None) -> Recorded:
        """Commit the row of a saved image.

        upcoming: the seed of the same slice that the engine is asked for next: its attempt is noted in the same commit.
        """
        recorded = self._shift.until_done(
            lambda: self._ledger.work.record_and_go_on(record, upcoming)
        )
        if not recorded.new:
            self._shift.until_done(lambda: self._settle_between(record))
        self._tally.count_drawn(asked.open_slice.slice_, asked.seed)
        return recorded

    def _settle_between(self, record: ImageRecord) -> None:
        """Make the row match the file on disk, after another worker recorded the same image first.

        Both drew it because its slice was delivered twice. With one variant on one system the files are identical; with
        different ones, the second file may have replaced the first before or after the first one's row was written.
        """
        if self._gallery.holds(record):
            self._ledger.work.replace_done(record)
