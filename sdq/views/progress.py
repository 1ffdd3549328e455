"""Progress of one batch as plain lines, where there is no terminal to draw in: one every ten seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

from db.ledger import Ledger
from db.values import Slice
from sdq.views.words import duration

_LINE_EVERY_S = 10.0


class PlainProgress:
    """Says how far a batch is while this process draws it."""

    def __init__(self, ledger: Ledger, batch_id: int, say: Callable[[str], None]) -> None:
        status = ledger.batches.find(batch_id)
        self._batch_id = batch_id
        self._total = status.total if status else 0
        self._settled = status.completed + status.failed if status else 0
        self._say = say
        self._started = time.monotonic()
        self._next_line = 0.0
        self._drawn = 0

    def settled(self, slice_: Slice, seed: int, error: str | None) -> None:  # noqa: ARG002
        """Count one image that is drawn or given up."""
        if slice_.batch_id != self._batch_id:
            return
        self._settled += 1
        self._drawn += 1
        now = time.monotonic()
        if now >= self._next_line or self._settled == self._total:
            self._next_line = now + _LINE_EVERY_S
            each_s = (now - self._started) / self._drawn
            left = duration(each_s * (self._total - self._settled))
            self._say(f"{self._settled:,} of {self._total:,} images, {left} left")
