"""A studio for tests: engines and files are real, the shift ends when a test says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from db.ledger import Ledger
from db.values import ImageRecord
from sdq_core.images.root import OutputRoot
from sdq_core.values.variants import Variant
from worker.claims.claims import Outcome
from worker.claims.open_slice import OpenSlice
from worker.claims.shift import Shift
from worker.drawing.saving import Gallery
from worker.drawing.studio import Studio
from worker.drawing.tally import Tally
from worker.engine.handle import Engine
from worker.engine.pool import EnginePool
from worker.pipelines.contract import DrawnImage


def nothing() -> None:
    """Do nothing."""


def arrived() -> bool:
    """Say that the heartbeats arrived."""
    return True


def root_at(path: Path) -> OutputRoot:
    """An output folder whose record is beside it."""
    return OutputRoot(path, home=path.parent, ledger_id="0123456789ab")


class StoppableShift(Shift):
    """A shift without heartbeats that a test ends."""

    def __init__(self) -> None:
        super().__init__(arrived)
        self.told_to_stop = False

    @property
    def stopping(self) -> bool:
        return self.told_to_stop


class MeetingGallery(Gallery):
    """A gallery that meets somebody before and after it saves an image."""

    def __init__(
        self, root: Path, before: Callable[[], None] = nothing, after: Callable[[], None] = nothing
    ) -> None:
        super().__init__(root_at(root), with_metadata=True)
        self.before = before
        self.after = after

    def save(self, *args: object, **kwargs: object) -> ImageRecord:
        self.before()
        record = super().save(*args, **kwargs)  # type: ignore[arg-type]
        self.after()
        return record


class OneSlice:
    """A source with nothing behind the first slice; outcomes: of what was closed."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def take(self, pinned: Sequence[Variant]) -> OpenSlice | None:
        return None

    def take_over(self, pinned: Sequence[Variant]) -> OpenSlice | None:
        return None

    take_ahead = take_over

    def is_outranked(self, open_slice: OpenSlice) -> bool:
        return False

    def holds(self, open_slice: OpenSlice) -> bool:
        return True

    def is_claimed(self, slice_id: int) -> bool:
        return False

    def close(self, open_slice: OpenSlice, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


def make_studio(
    ledger: Ledger,
    gallery: Gallery,
    start: Callable[[Variant], Engine],
    *,
    shift: Shift | None = None,
    max_attempts: int = 3,
) -> Studio:
    return Studio.of(
        worker="w",
        ledger=ledger,
        shift=shift or StoppableShift(),
        tally=Tally(),
        pool=EnginePool(start, max_pinned=1),
        gallery=gallery,
        max_attempts=max_attempts,
    )


def grey_image(shade: int = 128) -> DrawnImage:
    """An image in one grey, as an engine would send it."""
    return DrawnImage(
        pixels=np.full((8, 8, 3), shade, dtype=np.uint8),
        pipeline="none", truncated_tokens=0, nsfw_flagged=None, concept_scores={}, text_encode_ms=0.0,
        denoise_ms=0.0, num_unet_calls=1, decode_ms=0.0, safety_ms=0.0,
    )  # fmt: skip
