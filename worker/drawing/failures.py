"""Retries failed images at the end of their slice, then gives them up; pauses a variant that keeps failing."""

from __future__ import annotations

from collections import Counter

from db.ledger import Ledger
from sdq_core.values.variants import Variant
from worker.choosing.unusable import VariantPausedError, VariantUnusable
from worker.claims.open_slice import OpenSlice
from worker.claims.shift import Shift
from worker.drawing.tally import Tally

DEFAULT_MAX_ATTEMPTS = 3

#: This many failed images in a row are the variant's fault, not the prompts': it is paused before all its images fail.
FAILURES_TO_PAUSE = 10


class Failures:
    """One worker's failed images."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        shift: Shift,
        tally: Tally,
        max_attempts: int = DEFAULT_MAX_ATTEMPTS,
    ) -> None:
        """Start counting. max_attempts: how often to try an image before giving it up."""
        self._ledger = ledger
        self._shift = shift
        self._tally = tally
        self._max_attempts = max_attempts
        self._in_a_row: Counter[str] = Counter()  # by variant key

    def note_success(self, variant: Variant) -> None:
        """Reset a variant's failures: it drew an image, so they were not its fault."""
        self._in_a_row.pop(variant.key, None)

    def note(
        self,
        variant: Variant,
        open_slice: OpenSlice,
        seed: int,
        error: str,
        *,
        engine_id: int | None,
        hopeless: bool = False,
        innocent: bool = False,
    ) -> None:
        """Count a failed attempt; the image goes to the end of its slice, or is given up.

        engine_id: the row of the engine that failed, None if its worker died too.
        hopeless: another attempt would fail as well.
        innocent: the variant cannot be at fault, however many such images there are.

        Pauses the variant and raises VariantUnusable after FAILURES_TO_PAUSE failures in a row.
        """
        slice_ = open_slice.slice_
        attempts = open_slice.attempts.get(seed, 1)
        final = hopeless or attempts >= self._max_attempts
        self._shift.until_done(
            lambda: self._ledger.work.record_failure(
                slice_.recipe_id,
                seed,
                slice_id=slice_.id,
                engine_id=engine_id,
                error=error,
                final=final,
            )
        )
        if not final:
            open_slice.pending.append(seed)
            return
        self._tally.count_failed(slice_, seed, error, attempts=attempts)
        if not innocent:
            self._count(variant, slice_.batch_id, error)

    def give_up_worn_out(self, variant: Variant, open_slice: OpenSlice) -> None:
        """Give up images without attempts left: those that killed the worker along with the engine."""
        worn_out = [
            seed
            for seed in open_slice.pending
            if open_slice.attempts.get(seed, 0) >= self._max_attempts
        ]
        for seed in worn_out:
            open_slice.pending.remove(seed)
            error = "The worker died at every attempt to draw this image."
            self.note(variant, open_slice, seed, error, engine_id=None)

    def _count(self, variant: Variant, batch_id: int, error: str) -> None:
        self._in_a_row[variant.key] += 1
        if self._in_a_row[variant.key] < FAILURES_TO_PAUSE:
            return
        reason = f"{FAILURES_TO_PAUSE} images in a row failed. The most recent error: {error}"
        self._shift.until_done(
            lambda: self._ledger.variants.pause(variant, reason, batch_id=batch_id)
        )
        self._in_a_row.pop(variant.key)
        raise VariantUnusable(variant, VariantPausedError(variant, reason))
