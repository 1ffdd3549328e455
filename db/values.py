"""What goes into the ledger and what comes out of it; ORM rows never leave `db`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sdq_core.values.machine import Machine
from sdq_core.values.recipes import DEFAULT_NUM_INFERENCE_STEPS, Recipe
from sdq_core.values.variants import OpenPlacement, Placement, RecipeVariant, Variant

#: What JSON can hold; a user's own per-line fields.
JSON = Any


class BatchState(StrEnum):
    """What the user wants of a batch."""

    ACTIVE = "active"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class ImageStatus(StrEnum):
    """What became of an image; one that nobody has tried yet has no row."""

    DRAWING = "drawing"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class PlannedEntry:
    """One recipe of a submission with its seeds; fields are the user's own (custom_id, tags, meta)."""

    recipe: Recipe
    seeds: Sequence[int]
    fields: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a batch draws a model with where that was left open: decided once, and kept with the batch."""

    model: str
    asked: OpenPlacement
    placement: Placement


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """What a batch was begun with.

    given: the options of its first submission (`BatchPlan.options`). chosen: all that was decided for it since.
    """

    given: Mapping[str, JSON]
    chosen: Sequence[Chosen] = ()


@dataclass(frozen=True, kw_only=True)
class BatchPlan:
    """A submission before anything is stored.

    name: the user's, or None to let the ledger find one from `source_name`. key: hash of the expanded plan, that is of
    every entry's recipe, seeds and fields in their order: a batch that saw this key last is not looked at again.
    source: the absolute path of the prompt file(s), ``-`` for standard input or ``--prompt``.
    entries: where many share their seeds, let them share the sequence too; each is then cut only once. chosen: what
    was decided where variant or compute unit was left open.
    """

    name: str | None
    source_name: str
    source: str
    key: str
    entries: Sequence[PlannedEntry]
    options: Mapping[str, JSON] = field(default_factory=dict)
    chosen: Sequence[Chosen] = ()
    slice_size: int = 25


@dataclass(frozen=True, kw_only=True)
class SliceRef:
    """Just enough of a slice to queue it."""

    id: int
    variant: RecipeVariant


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What a submission added.

    Every image that the plan names is counted once: new (to be drawn), known to the batch already, or new to the batch
    but drawn, or given up, before for another. slices: the new ones that want queueing now, so none of a paused batch
    or variant; older open ones are `Work.open_slices`'s. slices_new counts the new unfinished ones, paused or not.
    """

    batch_id: int
    batch_name: str
    images_new: int
    images_known: int
    images_drawn: int
    slices: Sequence[SliceRef]
    images_failed: int = 0
    slices_new: int = 0


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The unit of dispatch: a recipe and at most `slice_size` seeds.

    entry: counts a batch's recipes from 1. wanted: its batch is active and its variant is not paused.
    """

    id: int
    batch_id: int
    batch_name: str
    wanted: bool
    entry: int
    recipe_id: int
    recipe: Recipe
    seeds: tuple[int, ...]
    fields: Mapping[str, JSON]
    created_at: datetime
    finished_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class SliceProgress:
    """How far the images of a slice are, by seed; a seed that nobody tried is in neither.

    settled: done or given up, whichever batch they were drawn for. attempts: how often each was tried.
    """

    settled: Mapping[int, ImageStatus]
    attempts: Mapping[int, int]


@dataclass(frozen=True, kw_only=True)
class EngineRecord:
    """What drew images and where: one row per started engine, referred to by its images.

    versions: of libraries, and under `safety` what its worker made of flagged pictures.
    """

    variant: Variant
    worker: str
    host: str
    pid: int
    pipeline: str
    runtime: str
    compute_unit: str
    precision: str
    versions: Mapping[str, str]
    os: str
    chip: str
    load_ms: float


@dataclass(frozen=True, kw_only=True)
class ImageRecord:
    """A finished image: its file (path relative to the output root) and how long everything took.

    pixels_sha256: of what the file shows. nsfw_flagged: None where no safety checker ran.
    """

    recipe_id: int
    seed: int
    slice_id: int
    engine_id: int
    path: str
    size_bytes: int
    sha256: str
    pixels_sha256: str
    truncated_tokens: int
    nsfw_flagged: bool | None
    concept_scores: Mapping[str, float]
    queue_wait_ms: float
    text_encode_ms: float
    denoise_ms: float
    num_unet_calls: int
    decode_ms: float
    safety_ms: float
    encode_ms: float
    save_ms: float


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What a worker learns when it records an image.

    new: it was not done before. wanted: its batch is still active, its variant not paused. noted: the attempts at the
    image that was announced next, this one included; empty where it is not to be drawn.
    """

    new: bool
    wanted: bool
    noted: Mapping[int, int]


@dataclass(frozen=True, kw_only=True)
class FinishedImage:
    """A finished image with all that is known of it, for exports and checks.

    entry and fields are those of the batch that was asked about; image and engine tell where and when it was drawn,
    which may have been for another batch. recipe: as asked for, with `any` where the variant was left open.
    """

    entry: int
    fields: Mapping[str, JSON]
    recipe: Recipe
    seed: int
    image: ImageRecord
    engine: EngineRecord
    attempts: int
    finished_at: datetime


@dataclass(frozen=True, kw_only=True)
class SliceAudit:
    """A slice with those of its seeds that are neither done nor given up; a finished one should have none."""

    id: int
    entry: int
    finished: bool
    unsettled: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class PrunedPage:
    """What forgetting a part of a batch removed: finished images, whose files nobody needs now. last: the batch too."""

    images: int
    paths: tuple[str, ...]
    last: bool


@dataclass(frozen=True, kw_only=True)
class PausedVariant:
    """A variant that is not drawn until somebody resumes it."""

    variant: RecipeVariant
    reason: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class FailedImage:
    """An image that is given up; entry and fields are those of the batch that was asked about."""

    batch_name: str
    entry: int
    fields: Mapping[str, JSON]
    recipe: Recipe
    seed: int
    attempts: int
    error: str


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What `sdq bench` measured of one variant on one machine, or why it could not (error).

    unet: `whole` or `chunks`; drawn_with: whether drawing takes
    these parts, which it does not with chunks that lie beside a whole U-Net. precision: of the U-Net's weights.
    first_load_ms: with nothing compiled or translated yet; warm_load_ms: ever after. step_ms, image_ms: medians over
    the images, the prompt's text encoded before. peak_bytes: resident memory of the engine that drew. psnr_db: of its
    least similar image to the reference's; infinite for the same pixels, so for the reference itself; None when there
    was none to compare with.
    """

    machine: Machine
    measured_at: datetime
    variant: Variant
    unet: str
    drawn_with: bool
    num_inference_steps: int
    images: int
    precision: str | None = None
    pipeline: str | None = None
    runtime: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    first_load_ms: float | None = None
    warm_load_ms: float | None = None
    step_ms: float | None = None
    image_ms: float | None = None
    peak_bytes: int | None = None
    psnr_db: float | None = None
    error: str | None = None

    @property
    def images_per_hour(self) -> float | None:
        """What one engine draws in an hour at the steps that were measured."""
        return None if not self.image_ms else 3_600_000 / self.image_ms

    @property
    def usual_image_ms(self) -> float | None:
        """What an image of the usual number of steps takes, reckoned from both times: it makes rows comparable."""
        if self.image_ms is None or self.step_ms is None:
            return None
        return self.image_ms + self.step_ms * (
            DEFAULT_NUM_INFERENCE_STEPS - self.num_inference_steps
        )


@dataclass(frozen=True, kw_only=True)
class BatchStatus:
    """A batch as `sdq status` shows it; counts are of images. Times are UTC."""

    id: int
    name: str
    state: BatchState
    source: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    total: int
    completed: int
    failed: int
    images_per_hour: float | None
    eta_s: float | None
