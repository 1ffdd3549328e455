"""Drawing: keeps the engine busy, writes each image's file before its row, and counts failures.

The order for one image: reserve it, unless it is settled or drawn for another slice; request it; count the attempt when
the engine begins it; write the file; record the row. A crash at any point leaves either nothing or a file that the next
attempt overwrites.

The engine has the next request in its pipe before the previous image is saved, so saving costs no drawing time. At the
end of a slice that is the first image of the next slice, taken while the engine draws. All of this runs in the worker's
one thread, between the engine's events; heartbeats are sent in between.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from functools import partial

from sdq_core.errors import (
    BrokenImageError,
    ComputeError,
    EngineDiedError,
    EngineHungError,
    PictureError,
    SdqError,
    StepsError,
    describe_error,
)
from sdq_core.values.variants import Variant
from worker.claims.open_slice import OpenSlice
from worker.drawing.feed import Asked, Feed
from worker.drawing.open_slices import OpenSlices, SliceSource
from worker.drawing.studio import Studio
from worker.engine.messages import Began, Drawn, Dropped, Event, Failed, Stepped, Withdrawn
from worker.pipelines.contract import DrawnImage

log = logging.getLogger(__name__)

_POLL_S = 0.5


class Drawing:
    """Draws slices of one variant: from the ledger, through its engine, into files and rows."""

    def __init__(self, studio: Studio, variant: Variant, source: SliceSource) -> None:
        """Prepare to draw. variant: the recipes' own, or the worker's choice for `any`."""
        self._studio = studio
        self._variant = variant
        self._slices = OpenSlices(studio, variant, source)
        self._feed: Feed | None = None  # of the engine that is drawing
        self._stopping = False
        self._giving_way = False

    def run(self, first: OpenSlice) -> None:
        """Draw the missing images of a slice, and of those that the source returns.

        Returns when there is nothing more to draw, when something more urgent waits, when the worker is to rest, or
        when it was told to stop. Raises VariantUnusable if the model cannot be loaded here or always fails, GaveUp if
        the worker was told to stop while it was waiting. Slices that were not closed stay open.
        """
        self._slices.admit(first)
        try:
            while self._slices and not (self._ending or self._studio.shift.stopping):
                loaded = self._studio.engines.load(self._variant)
                if not self._studio.smoke.passed(loaded):
                    continue
                self._feed = Feed(loaded)
                self._studio.hand.feed = self._feed
                self._draw(self._feed)
                self._slices.close_ended(self._feed)
                if self._feed.is_settled and self._is_worn(self._feed):
                    self._studio.engines.retire(self._variant)
        finally:
            self._studio.hand.feed = None
            if self._feed is not None and not self._feed.is_settled:
                # Stopped in the middle: the image that was begun does not count as an attempt, and a late answer must
                # not reach the next slice.
                self._studio.engines.discard(self._variant)
                self._forgive(self._feed.begun)
                self._feed.take_all_back()

    @property
    def _ending(self) -> bool:
        return self._stopping or self._giving_way

    def _draw(self, feed: Feed) -> None:
        """Draw with one engine until nothing is left, the worker stops or the engine is lost."""
        shift = self._studio.shift
        while self._slices or not feed.is_settled:
            shift.beat()
            self._studio.engines.end_idle(busy=self._variant)
            try:
                if shift.stopping and not self._stopping:
                    self._stopping = True
                    feed.withdraw()
                    # If the worker is killed because the image takes too long, that is not the image's fault.
                    self._forgive(feed.begun)
                if self._stopping and feed.is_empty:
                    return
                self._fill(feed)
                if feed.is_settled and (self._giving_way or self._is_worn(feed)):
                    return
                self._slices.close_ended(feed)
                if feed.is_settled:
                    self._slices.wait_for_others()
                    continue
                event = feed.next_event(_POLL_S)
                if event is not None and not self._react(feed, event):
                    return
            except (EngineDiedError, EngineHungError) as error:
                self._lose_engine(feed, error)
                return
            self._slices.close_ended(feed)

    def _react(self, feed: Feed, event: Event) -> bool:
        """Handle an event; return False if the engine must not be used again."""
        match event:
            case Began(number=number):
                self._count(feed, feed.note_begun(number))
            case Stepped():
                feed.note_stepped(event)
            case Drawn(number=number, image=image):
                self._keep(feed, number, image)
            case Failed(number=number, error=error) if self._blames_unit(feed, error):
                self._spare(feed, feed.settle(number))
                return False
            case Failed(number=number, error=error):
                self._note_failure(feed, feed.settle(number), error, hopeless=not error.retryable)
                if isinstance(error, BrokenImageError | ComputeError):
                    # The cause may be the process's own state (seen under memory pressure): retry in a fresh one.
                    feed.take_all_back()
                    self._studio.engines.discard(self._variant)
                    return False
            case Dropped(number=number):
                asked = feed.settle(number)
                asked.open_slice.elsewhere.append(asked.seed)
            case Withdrawn(numbers=numbers):
                feed.take_back(numbers, answered=True)
            case _:
                pass
        return True

    def _fill(self, feed: Feed) -> None:
        """Fill the engine's pipe; while images of a slice arrive, `_keep` does so."""
        if self._slices.let_go(feed):
            feed.withdraw()
        if not self._ending and (self._slices.is_outranked(feed) or self._studio.duty.rests()):
            # Its slices go back to their queues as they are once the current image is drawn.
            self._giving_way = True
            if not feed.is_empty:
                feed.withdraw()
        if self._ending:
            return
        self._slices.take_over()
        while self._has_room(feed) and (open_slice := self._hungry(feed)) is not None:
            seed = open_slice.pending[0]
            if self._slices.reserve(open_slice, seed):
                feed.ask(open_slice, seed)
        self._slices.stock_up()

    def _hungry(self, feed: Feed) -> OpenSlice | None:
        """Return the slice to request an image of; once the engine has enough, only one that it may draw in pairs."""
        if not feed.has_enough:
            return self._slices.hungry()
        upcoming = self._slices.upcoming
        return upcoming if upcoming is not None and feed.has_use_for_more(upcoming) else None

    def _has_room(self, feed: Feed) -> bool:
        return feed.has_room and self._may_ask(feed)

    def _may_ask(self, feed: Feed) -> bool:
        return not self._is_worn(feed) and self._studio.duty.allows(
            self._studio.tally.drawn + feed.outstanding
        )

    def _is_worn(self, feed: Feed) -> bool:
        return self._studio.recycling.is_due(
            self._variant, feed.loaded.engine, asked=feed.outstanding
        )

    def _count(self, feed: Feed, asked: Asked) -> None:
        """Count an attempt at an image that the engine has begun, unless it is not to be drawn any more."""
        slice_ = asked.open_slice.slice_
        noted = self._studio.shift.until_done(
            partial(
                self._studio.ledger.work.note_attempts,
                slice_.recipe_id,
                [asked.seed],
                engine_id=feed.loaded.id,
                slice_id=slice_.id,
            )
        )
        self._note_counted(feed, asked, noted)

    def _note_counted(self, feed: Feed, asked: Asked, noted: Mapping[int, int]) -> None:
        asked.counted = True
        asked.open_slice.attempts.update(noted)
        if asked.seed not in noted:  # settled or begun by another worker a moment before
            feed.drop(asked)

    def _keep(self, feed: Feed, number: int, image: DrawnImage) -> None:
        """Keep an image, and request the one after next: the engine is already drawing the next."""
        self._slices.note_drawn()
        asked = feed[number]
        open_slice = asked.open_slice
        drew = self._studio.engines.as_drew(feed.loaded, image.pipeline)
        record = self._studio.keeper.save(image, asked, drew)
        # Raised again by the next event.
        with contextlib.suppress(EngineDiedError, EngineHungError):
            feed.look_ahead()
        fed = open_slice.hungry and not (
            self._ending or feed.is_withdrawing or self._studio.shift.stopping
        )
        fed = fed and self._may_ask(feed)
        upcoming = open_slice.pending[0] if fed else None
        # The one that the engine has begun meanwhile is counted in the same commit, if it is of the same slice.
        begun = next((each for each in feed.uncounted() if each.open_slice is open_slice), None)
        recorded = self._studio.keeper.record(
            record, asked, begun=begun.seed if begun else None, upcoming=upcoming
        )
        feed.settle(number)  # until it is recorded, it is not drawn
        self._studio.recycling.note_drawn(feed.loaded.engine)
        self._studio.engines.note_drawn(feed.loaded)
        self._studio.failures.note_success(self._variant)
        with contextlib.suppress(EngineDiedError):  # raised again by the next event
            if begun is not None:
                self._note_counted(feed, begun, recorded.begun)
            for other in feed.uncounted():
                self._count(feed, other)
            if not recorded.wanted:
                self._hold_back(feed, open_slice)
            elif upcoming is not None and self._slices.reserve(
                open_slice, upcoming, standing=recorded.upcoming
            ):
                feed.ask(open_slice, upcoming)

    def _hold_back(self, feed: Feed, unwanted: OpenSlice) -> None:
        """Request no more of a slice and of others of its batch; keep what the engine has begun."""
        if any(feed.holds(open_slice) for open_slice in self._slices.hold_back(unwanted)):
            feed.withdraw()

    def _lose_engine(self, feed: Feed, error: SdqError) -> None:
        """Count a failure for the image that the engine was drawing, and for no other."""
        if self._blames_unit(feed, error):
            self._spare(feed, feed.settle_begun())
            return
        log.warning("%s", error)
        self._studio.engines.discard(self._variant)
        for asked in feed.uncounted():
            self._count(feed, asked)
        culprit = feed.settle_begun()
        feed.take_all_back()
        if culprit is not None:
            self._note_failure(feed, culprit, error)

    def _blames_unit(self, feed: Feed, error: SdqError) -> bool:
        return self._studio.engines.blames_unit(feed.loaded.engine, self._variant, error)

    def _spare(self, feed: Feed, innocent: Asked | None) -> None:
        """Draw an image again in another engine: the unit of a part failed, and not the image."""
        self._forgive(innocent)
        feed.take_all_back()
        if innocent is not None:
            # First of all: what another unit makes of the same image tells whether it was the unit.
            innocent.open_slice.pending.appendleft(innocent.seed)
        self._studio.engines.discard(self._variant)

    def _forgive(self, asked: Asked | None) -> None:
        """Take back the attempt at an image that a stop interrupts."""
        if asked is not None and asked.counted and not asked.forgiven:
            asked.forgiven = True
            with contextlib.suppress(SdqError):  # then it counts
                self._studio.ledger.work.forgive_attempt(
                    asked.open_slice.slice_.recipe_id, asked.seed
                )

    def _note_failure(
        self, feed: Feed, asked: Asked, error: SdqError, *, hopeless: bool = False
    ) -> None:
        self._studio.failures.note(
            self._variant,
            asked.open_slice,
            asked.seed,
            describe_error(error),
            engine_id=feed.loaded.id,
            hopeless=hopeless,
            innocent=isinstance(error, PictureError | StepsError),
        )
