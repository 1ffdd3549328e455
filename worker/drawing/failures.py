"""Images that fail are tried again at the end of their slice, then given up; a variant that always fails is paused."""

from __future__ import annotations

from collections import Counter

from db.ledger import Ledger
from sdq_core.values.variants import Variant
from worker.choosing.unusable import VariantPausedError, VariantUnusable
from worker.claims.open_slice import OpenSlice
from worker.claims.shift import Shift
from worker.drawing.tally import Tally

DEFAULT_MAX_ATTEMPTS = 3

#: So many failed images in a row are the variant's fault, not the prompts': it is paused, not burnt through.
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
        """Count from nothing. max_attempts: how often an image is tried before it is given up."""
        self._ledger = ledger
        self._shift = shift
        self._tally = tally
        self._max_attempts = max_attempts
        self._in_a_row: Counter[str] = Counter()  # by variant key

    def note_success(self, variant: Variant) -> None:
        """Note that a variant drew an image: what failed before it was not the variant's fault."""
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
    ) -> None:
        """Count a failed attempt; the image goes to the end of its slice, or is given up.

        engine_id: the row of the engine that failed, None where its worker died with it. hopeless: another attempt
        would fail as well. Raises VariantUnusable when it was one failure in a row too many, with the variant paused.
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
        self._count(variant, error)

    def give_up_worn_out(self, variant: Variant, open_slice: OpenSlice) -> None:
        """Settle images whose attempts are used up: those that killed not only their engine but its worker."""
        worn_out = [
            seed
            for seed in open_slice.pending
            if open_slice.attempts.get(seed, 0) >= self._max_attempts
        ]
        for seed in worn_out:
            open_slice.pending.remove(seed)
            error = "the worker died with it at every attempt"
            self.note(variant, open_slice, seed, error, engine_id=None)

    def _count(self, variant: Variant, error: str) -> None:
        self._in_a_row[variant.key] += 1
        if self._in_a_row[variant.key] < FAILURES_TO_PAUSE:
            return
        reason = f"{FAILURES_TO_PAUSE} images in a row failed, the last one with: {error}"
        self._shift.until_done(lambda: self._ledger.variants.pause(variant, reason))
        self._in_a_row.pop(variant.key)
        raise VariantUnusable(variant, VariantPausedError(variant, reason))
