"""What happened to a batch, or since a time: the values of a summary. Times are UTC, durations ms unless named _s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import pairwise

from db.values import BatchStatus, CheckedVariant, FailedImage, FinishedImage
from sdq_core.values.variants import Variant


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A step of time with settled images. first, last: when the first and the last of them were settled."""

    begin: datetime
    done: int
    failed: int
    first: datetime
    last: datetime


@dataclass(frozen=True, kw_only=True)
class Times:
    """Sums over finished images: how many, what each stage of them took in ms, and what came of them.

    unet_calls: evaluations of the U-Net.
    retried: images that needed more than one attempt.
    flagged: images that the safety checker flagged.
    size_bytes: of their files.
    constant: images of one colour, as far as pictures were measured.
    near_duplicates: images that look like another one, as far as they were compared.
    """

    images: int = 0
    text_encode_ms: float = 0.0
    denoise_ms: float = 0.0
    decode_ms: float = 0.0
    safety_ms: float = 0.0
    encode_ms: float = 0.0
    save_ms: float = 0.0
    unet_calls: int = 0
    retried: int = 0
    flagged: int = 0
    size_bytes: int = 0
    constant: int = 0
    near_duplicates: int = 0

    def __add__(self, other: Times) -> Times:
        return Times(
            **{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(Times)}
        )

    @property
    def drawing_ms(self) -> float:
        """The engines' time. Encoding and saving files is left out: the worker does it beside the next image."""
        return self.text_encode_ms + self.denoise_ms + self.decode_ms + self.safety_ms


@dataclass(frozen=True, kw_only=True)
class DrawnBy:
    """What one variant drew on one host with one runtime. engines: how many of its engines settled an image."""

    variant: Variant
    host: str
    chip: str
    runtime: str
    engines: int
    load_ms: float
    times: Times


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Failed images with one cause.

    error: what is recorded of the first of them; of the others it may differ in its numbers.
    images: how many, by the names of their batches.
    """

    error: str
    images: Mapping[str, int]

    @property
    def count(self) -> int:
        """How many images failed of it."""
        return sum(self.images.values())


@dataclass(frozen=True, kw_only=True)
class CutPrompt:
    """A prompt that is longer than the model reads. tokens: how many were cut off it and its negative prompt."""

    batch_name: str
    entry: int
    prompt: str
    tokens: int


@dataclass(frozen=True, kw_only=True)
class BatchPart:
    """A batch, with how many images were drawn and given up for it in the summary's time."""

    status: BatchStatus
    done: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A batch, or all batches since a time.

    batch: the status of the one batch that it is about, None for all.
    since: from when on images count; None for all of them.
    made_at: when it was made.
    parts: the batches that it is about, in the order of their first submissions.
    slots: the times with settled images, in order, `step_s` long each, at whole steps from the local midnight
        `steps_from`.
    times: of all images drawn in its time. Images of the batch that were drawn for another are not among them.
    drawn_by: what drew them, the most images first.
    changed: variants that draw other pictures since an update, by the smoke checks of these engines.
    causes: of the failed images, the most frequent first; `other_causes` counts the images of those left out.
    failed_images, flagged, cut_prompts: the first few; `cut_count` counts all cut prompts.
    slowest: the few that took their engines longest, the slowest first.
    sample: finished images at even distances in the order of their batches, prompts and seeds.
    """

    batch: BatchStatus | None
    since: datetime | None
    made_at: datetime
    parts: Sequence[BatchPart]
    steps_from: datetime
    step_s: int
    slots: Sequence[Slot]
    times: Times
    drawn_by: Sequence[DrawnBy]
    changed: Sequence[CheckedVariant]
    causes: Sequence[Cause]
    other_causes: int
    failed_images: Sequence[FailedImage]
    slowest: Sequence[FinishedImage]
    flagged: Sequence[FinishedImage]
    cut_prompts: Sequence[CutPrompt]
    cut_count: int
    sample: Sequence[FinishedImage]

    @property
    def done(self) -> int:
        """The finished images: of the whole batch, or those drawn since the time."""
        return self.times.images if self._in_part else self._whole.completed

    @property
    def failed(self) -> int:
        """The failed images: of the whole batch, or those given up since the time."""
        if self._in_part:
            return sum(slot.failed for slot in self.slots)
        return self._whole.failed

    @property
    def drawn_before(self) -> int:
        """The batch's finished images that were not drawn for it in this summary's time."""
        return max(0, self.batch.completed - self.times.images) if self.batch else 0

    @property
    def open(self) -> int:
        """The images that nobody has drawn yet or given up."""
        return sum(
            part.status.total - part.status.completed - part.status.failed for part in self.parts
        )

    @property
    def first(self) -> datetime | None:
        """When the first image was settled."""
        return min((slot.first for slot in self.slots), default=None)

    @property
    def last(self) -> datetime | None:
        """When the last image was settled."""
        return max((slot.last for slot in self.slots), default=None)

    @property
    def images_per_hour(self) -> float | None:
        """Images drawn per hour between the first and the last, gaps included; None for fewer than two."""
        if self.times.images < 2 or not self.duration_s:
            return None
        return (self.times.images - 1) / self.duration_s * 3600

    @property
    def longest_gap(self) -> tuple[datetime, datetime] | None:
        """The longest time without an image, begin and end; None if none is longer than a step."""
        gaps = [
            (one.last, next_.first)
            for one, next_ in pairwise(self.slots)
            if (next_.first - one.last).total_seconds() > self.step_s
        ]
        return max(gaps, key=lambda gap: gap[1] - gap[0], default=None)

    @property
    def duration_s(self) -> float:
        """The time between the first and the last image, s."""
        return (self.last - self.first).total_seconds() if self.first and self.last else 0.0

    @property
    def _in_part(self) -> bool:
        return self.since is not None

    @property
    def _whole(self) -> BatchStatus:
        assert self.batch is not None  # what is not since a time is of a batch
        return self.batch
