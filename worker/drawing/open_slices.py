"""The slices that a worker has open while it draws: which image comes next, and when to take another slice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from db.values import Standing
from sdq_core.values.variants import Variant
from worker.claims.claims import Outcome
from worker.claims.open_slice import OpenSlice
from worker.drawing.feed import Feed
from worker.drawing.studio import Studio

#: How much work to hold while others have enough: a Redis that falls silent does not hold up drawing until it is drawn.
_IN_HAND_S = 60.0

#: How often to look whether others have drawn the images that they began for slices of their own.
_REVISIT_S = 1.0


class SliceSource(Protocol):
    """Where slices come from and go to; the worker's is `worker.claims.intake.Intake`."""

    def take(self, pinned: Sequence[Variant]) -> OpenSlice | None:
        """Return the next slice for the engine that is drawing, if there is one. pinned: its variant first."""

    def take_ahead(self, pinned: Sequence[Variant]) -> OpenSlice | None:
        """Return another slice, as `take` does, if so many wait that no other worker will lack it."""

    def take_over(self, pinned: Sequence[Variant]) -> OpenSlice | None:
        """Return a slice of a worker that was just found dead, if there is one for the engine that is drawing."""

    def is_outranked(self, open_slice: OpenSlice) -> bool:
        """Whether something that the worker can draw is more urgent than a slice that it has."""

    def holds(self, open_slice: OpenSlice) -> bool:
        """Whether a slice is still this worker's."""

    def is_claimed(self, slice_id: int) -> bool:
        """Whether any worker has a slice."""

    def close(self, open_slice: OpenSlice, outcome: Outcome) -> None:
        """Close a slice that is finished or no longer wanted."""


class OpenSlices:
    """The open slices of one drawing, in the order in which they are drawn."""

    def __init__(self, studio: Studio, variant: Variant, source: SliceSource) -> None:
        self._studio = studio
        self._variant = variant
        self._source = source
        self._open: list[OpenSlice] = []
        self._revisit_at = 0.0
        self._image_s: float | None = None  # from one image to the next
        self._drawn_at: float | None = None

    def __bool__(self) -> bool:
        return bool(self._open)

    def admit(self, open_slice: OpenSlice, *, first: bool = False) -> None:
        """Add a slice, give up those of its images that have no attempts left, and close it if none is left."""
        self._open.insert(0 if first else len(self._open), open_slice)
        self._studio.failures.give_up_worn_out(self._variant, open_slice)
        if not open_slice.unfinished:
            self._close(open_slice)

    def take_over(self) -> None:
        """Take a slice of a worker that was just found dead: it is drawn first."""
        if found := self._source.take_over(self._studio.engines.pinned()):
            self.admit(found, first=True)

    def hungry(self) -> OpenSlice | None:
        """Return the first slice with images to request; take a new one if there is none."""
        if time.monotonic() >= self._revisit_at:
            self._revisit_at = time.monotonic() + _REVISIT_S
            for open_slice in self._open:
                open_slice.pending.extend(open_slice.elsewhere)
                open_slice.elsewhere.clear()
        while not (hungry := [open_slice for open_slice in self._open if open_slice.hungry]):
            found = self._source.take(self._studio.engines.pinned())
            if found is None:
                return None
            self.admit(found)
        return hungry[0]

    def reserve(
        self, open_slice: OpenSlice, seed: int, *, standing: Standing | None = None
    ) -> bool:
        """Take a pending image out of its slice; return whether to request it.

        It is not to be requested if it is settled, or while somebody draws it for another slice.

        standing: how it stood after it was reserved; None reserves it now.
        """
        if standing is None:
            standing = self._reserve(open_slice, seed)
        other = standing.slice_id
        if not standing.settled and other not in {None, open_slice.id}:
            if self._source.is_claimed(other):
                open_slice.pending.remove(seed)
                open_slice.elsewhere.append(seed)
                return False
            standing = self._reserve(open_slice, seed, instead_of=other)
        open_slice.pending.remove(seed)
        return not standing.settled

    def stock_up(self) -> None:
        """Take a slice ahead unless there is enough in hand."""
        images = sum(len(open_slice.pending) for open_slice in self._open if open_slice.hungry)
        if self._image_s is None or images * self._image_s > _IN_HAND_S:
            return
        if found := self._source.take_ahead(self._studio.engines.pinned()):
            self.admit(found)

    @property
    def upcoming(self) -> OpenSlice | None:
        """The first slice with images to request, of those that are open."""
        return next((open_slice for open_slice in self._open if open_slice.hungry), None)

    def is_outranked(self, feed: Feed) -> bool:
        """Whether something that waits is more urgent than what would be drawn next."""
        upcoming = feed.following or self.upcoming
        return upcoming is not None and self._source.is_outranked(upcoming)

    def note_drawn(self) -> None:
        """Note that an image was drawn, to measure how long one takes."""
        now = time.monotonic()
        if self._drawn_at is not None:
            latest_s = now - self._drawn_at
            self._image_s = latest_s if self._image_s is None else (self._image_s + latest_s) / 2
        self._drawn_at = now

    def wait_for_others(self) -> None:
        """Pause if only images that others are drawing are missing."""
        if any(open_slice.elsewhere for open_slice in self._open):
            self._studio.shift.pause(_REVISIT_S / 2)

    def let_go(self, feed: Feed) -> bool:
        """Leave slices to workers that took them over; return whether the engine was asked for images of theirs."""
        lost = [
            open_slice
            for open_slice in self._open
            if not (open_slice.unwanted or self._source.holds(open_slice))
        ]
        for open_slice in lost:
            open_slice.unwanted = True
        return any(feed.holds(open_slice) for open_slice in lost)

    def hold_back(self, unwanted: OpenSlice) -> list[OpenSlice]:
        """Want no more of a slice and of others of its batch; return all slices that are not wanted."""
        for open_slice in self._open:
            if open_slice.slice_.batch_id == unwanted.slice_.batch_id:
                open_slice.unwanted = True
        return [open_slice for open_slice in self._open if open_slice.unwanted]

    def close_ended(self, feed: Feed | None) -> None:
        """Close the slices of which nothing is left to draw. feed: of the engine that is drawing."""
        for open_slice in list(self._open):
            if not (open_slice.unfinished or (feed and feed.holds(open_slice))):
                self._close(open_slice)

    def _close(self, open_slice: OpenSlice) -> None:
        self._open.remove(open_slice)
        self._source.close(open_slice, open_slice.outcome)

    def _reserve(
        self, open_slice: OpenSlice, seed: int, *, instead_of: int | None = None
    ) -> Standing:
        return self._studio.shift.until_done(
            partial(
                self._studio.ledger.work.reserve,
                open_slice.slice_.recipe_id,
                seed,
                slice_id=open_slice.id,
                instead_of=instead_of,
            )
        )
