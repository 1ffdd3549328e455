"""What a worker has done so far: counts it, logs it and shows it to an onlooker."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from db.values import Slice

log = logging.getLogger(__name__)


class Onlooker(Protocol):
    """Is told of each image that is drawn or given up; a progress bar, for example."""

    def settled(self, slice_: Slice, seed: int, error: str | None) -> None:
        """Note an image. error: why it was given up, None if it was drawn."""


@dataclass(kw_only=True)
class Tally:
    """A worker's counts.

    drawn: images drawn.
    failed: images given up.
    onlooker: told of each image.
    """

    drawn: int = 0
    failed: int = 0
    onlooker: Onlooker | None = None

    def count_drawn(self, slice_: Slice, seed: int) -> None:
        """Count an image whose file and row are written."""
        self.drawn += 1
        log.info("%s/%d seed %d", slice_.batch_name, slice_.entry, seed)
        if self.onlooker is not None:
            self.onlooker.settled(slice_, seed, None)

    def count_failed(self, slice_: Slice, seed: int, error: str, *, attempts: int) -> None:
        """Count an image that will not be tried again."""
        self.failed += 1
        log.warning(
            "Gave up on image %s/%d seed %d after %d attempt(s). %s",
            slice_.batch_name,
            slice_.entry,
            seed,
            attempts,
            error,
        )
        if self.onlooker is not None:
            self.onlooker.settled(slice_, seed, error)
