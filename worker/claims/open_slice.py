"""A slice that was taken: what is left of it, and what becomes of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from db.ledger import Ledger
from db.values import Slice
from sdq_core.values.recipes import Recipe
from worker.claims.claims import Outcome


@dataclass(kw_only=True, eq=False)
class OpenSlice:
    """A slice between being taken and being finished.

    pending: seeds that are neither settled nor asked for. attempts: at each seed, as far as the ledger knows. unwanted:
    its batch or what draws it was held back meanwhile.
    """

    slice_: Slice
    queue_wait_ms: float
    pending: deque[int]
    attempts: dict[int, int]
    unwanted: bool = False

    @classmethod
    def of(cls, ledger: Ledger, slice_: Slice, *, queue_wait_ms: float) -> OpenSlice:
        """Read from the ledger what is left of a slice."""
        progress = ledger.work.progress(slice_)
        return cls(
            slice_=slice_,
            queue_wait_ms=queue_wait_ms,
            pending=deque(seed for seed in slice_.seeds if seed not in progress.settled),
            attempts=dict(progress.attempts),
        )

    @property
    def id(self) -> int:
        """The slice's id in the ledger."""
        return self.slice_.id

    @property
    def recipe(self) -> Recipe:
        """What its images are drawn from."""
        return self.slice_.recipe

    @property
    def hungry(self) -> bool:
        """Whether the engine is to be asked for more of its images."""
        return bool(self.pending) and not self.unwanted

    @property
    def outcome(self) -> Outcome:
        """What has become of it, once it is not hungry and the engine has nothing of it to draw."""
        return Outcome.UNWANTED if self.pending else Outcome.FINISHED
