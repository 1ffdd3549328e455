"""What a worker has done so far: counted, logged, and shown to whoever looks on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from db.values import Slice

log = logging.getLogger(__name__)


class Onlooker(Protocol):
    """Sees each image that is drawn or given up: a progress bar, say."""

    def settled(self, slice_: Slice, seed: int, error: str | None) -> None:
        """See an image: error is None when it is drawn, else why it was given up."""


@dataclass(kw_only=True)
class Tally:
    """A worker's counts, and its onlooker."""

    drawn: int = 0
    failed: int = 0
    onlooker: Onlooker | None = None

    def count_drawn(self, slice_: Slice, seed: int) -> None:
        """Count an image that has its file and its row."""
        self.drawn += 1
        log.info("%s/%d seed %d", slice_.batch_name, slice_.entry, seed)
        if self.onlooker is not None:
            self.onlooker.settled(slice_, seed, None)

    def count_failed(self, slice_: Slice, seed: int, error: str, *, attempts: int) -> None:
        """Count an image that is not tried again."""
        self.failed += 1
        log.warning(
            "Gave up image %s/%d seed %d after %d attempt(s): %s",
            slice_.batch_name,
            slice_.entry,
            seed,
            attempts,
            error,
        )
        if self.onlooker is not None:
            self.onlooker.settled(slice_, seed, error)
