"""A slice that was taken: what is left of it, and how it ends."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from db.ledger import Ledger
from db.values import Slice
from sdq_core.values.recipes import Recipe
from worker.claims.claims import Outcome


@dataclass(kw_only=True, eq=False)
class OpenSlice:
    """A slice between being taken and being finished.

    slice_: the slice as the ledger has it.
    queue_wait_ms: how long it waited in its queue.
    pending: seeds that are neither settled nor requested from the engine.
    elsewhere: seeds that are being drawn for another slice, which asks for the same images.
    attempts: seed -> attempts so far, as counted in the ledger.
    begun_before: seeds of which an earlier attempt may have left a file without a row.
    unwanted: its batch or its variant was paused or cancelled in the meantime, or another worker took it over.
    """

    slice_: Slice
    queue_wait_ms: float
    pending: deque[int]
    attempts: dict[int, int]
    begun_before: frozenset[int] = frozenset()
    elsewhere: list[int] = field(default_factory=list)
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
            begun_before=progress.begun,
        )

    @property
    def id(self) -> int:
        """The slice's id in the ledger."""
        return self.slice_.id

    @property
    def recipe(self) -> Recipe:
        """The recipe of its images."""
        return self.slice_.recipe

    @property
    def hungry(self) -> bool:
        """Whether to request more of its images from the engine."""
        return bool(self.pending) and not self.unwanted

    @property
    def unfinished(self) -> bool:
        """Whether images are missing that are wanted."""
        return bool(self.pending or self.elsewhere) and not self.unwanted

    @property
    def outcome(self) -> Outcome:
        """How it ended; meaningful once it is not unfinished and the engine has none of its images."""
        return Outcome.UNWANTED if self.pending or self.elsewhere else Outcome.FINISHED
