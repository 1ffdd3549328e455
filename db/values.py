"""The values that go into the ledger and come out of it; database rows never leave `db`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sdq_core.images.filing import Filing
from sdq_core.images.tokens import PathFacts
from sdq_core.values.machine import Machine
from sdq_core.values.order import Priority, Rank
from sdq_core.values.receivers import Receivers
from sdq_core.values.recipes import DEFAULT_NUM_INFERENCE_STEPS, Recipe
from sdq_core.values.variants import OpenPlacement, Placement, RecipeVariant, Variant

#: A JSON value, such as one of the user's own fields of a line.
JSON = Any


class BatchState(StrEnum):
    """Whether a batch is to be drawn."""

    ACTIVE = "active"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class ImageStatus(StrEnum):
    """The status of an image that was tried; an untried image has no row."""

    DRAWING = "drawing"
    DONE = "done"
    FAILED = "failed"


class NoticeEvent(StrEnum):
    """What a notice tells of a batch."""

    STARTED = "started"
    COMPLETED = "completed"
    PAUSED = "paused"


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What is to be told of a batch.

    batch_id, batch_name: the batch.
    happened_at: when it began or ended, or when its variant was paused; UTC.
    receivers: those that the batch names.
    claimed_by: the worker that sends it, None for none yet.
    outcomes: receiver -> what came of it, of those that are dealt with.
    is_finished: whether nothing of it is left to be told.
    round: how often the batch had ended before.
    """

    id: int
    batch_id: int
    batch_name: str
    event: NoticeEvent
    happened_at: datetime
    receivers: Receivers
    claimed_by: str | None
    outcomes: Mapping[str, str]
    is_finished: bool
    round: int


@dataclass(frozen=True, kw_only=True)
class PlannedEntry:
    """One recipe of a submission.

    recipe: the recipe.
    seeds: its seeds, in order.
    fields: the user's own (custom_id, tags, meta), and the template that the prompt was made of (dynamic).
    source: ``file:line`` of its first line, for messages; not stored.
    """

    recipe: Recipe
    seeds: Sequence[int]
    fields: Mapping[str, JSON] = field(default_factory=dict)
    source: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class KnownEntry:
    """A slice's worth of an entry that a batch has. number: of the entry, from 1."""

    number: int
    recipe: Recipe
    seeds: Sequence[int]
    fields: Mapping[str, JSON]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A batch's choice of placement for a model where it was left open: decided once, and kept with the batch.

    model: its name.
    asked: what was left open.
    placement: what was chosen.
    """

    model: str
    asked: OpenPlacement
    placement: Placement


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """The options of a batch.

    given: the options of its first submission (`BatchPlan.options`).
    chosen: the choices made for it since.
    receivers: who is told of it.
    """

    given: Mapping[str, JSON]
    chosen: Sequence[Chosen] = ()
    receivers: Receivers = field(default_factory=Receivers)


@dataclass(frozen=True, kw_only=True)
class BatchRequest:
    """What a batch asks for.

    entries: how many recipes.
    options: those of its submissions; lines may have set their own.
    """

    entries: int
    options: BatchOptions


@dataclass(frozen=True, kw_only=True)
class BatchPlan:
    """A submission before anything is stored.

    name: the user's name for the batch, or None to derive one from `source_name`.
    source_name: the source's base name.
    source: the absolute path of the prompt file(s), ``-`` for standard input or ``--prompt``.
    key: hash of the expanded plan, that is of each entry's recipe, seeds and fields, in order. If it equals the batch's
    most recent key, nothing is added.
    entries: its recipes and seeds. Entries with equal seeds should share one sequence, which is then cut only once.
    options: the options of the submission.
    chosen: the choices where variant or compute unit was left open.
    slice_size: the most images per slice.
    interleave: draw the first seed of every entry, then the second, then more at a time, instead of entry by entry.
    priority: the batch's from now on; None keeps the one it has, at first an ordinary one.
    at_front: draw the batch before all others of its priority.
    receivers: who is told of the batch from now on, in place of those of the same kind so far.
    """

    name: str | None
    source_name: str
    source: str
    key: str
    entries: Sequence[PlannedEntry]
    options: Mapping[str, JSON] = field(default_factory=dict)
    chosen: Sequence[Chosen] = ()
    slice_size: int = 25
    interleave: bool = False
    priority: Priority | None = None
    at_front: bool = False
    receivers: Receivers = field(default_factory=Receivers)


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceRef:
    """The part of a slice that is needed to queue it. With slots: a submission has up to 400,000."""

    id: int
    batch_id: int
    variant: RecipeVariant


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What a submission added.

    Every image of the plan is counted once, in one of the four counts of images.

    batch_id, batch_name: the batch.
    images_new: images to draw.
    images_known: images that the batch already had.
    images_drawn: images new to the batch, but already drawn for another.
    images_failed: images new to the batch, but already given up for another.
    slices: the new slices to queue now, so none of a paused batch or variant. `Work.open_slices` lists older ones.
    slices_new: how many unfinished slices are new, paused or not.
    images_replaced: images of the batch that could no longer be drawn, and which the plan's take the place of.
    rank: the batch's.
    moved: the submission gave the batch its place in the order.
    new_of: how many of `images_new` are of each of the plan's entries, in their order; empty for a plan that the batch
    has already.
    """

    batch_id: int
    batch_name: str
    images_new: int
    images_known: int
    images_drawn: int
    slices: Sequence[SliceRef]
    rank: Rank
    images_failed: int = 0
    slices_new: int = 0
    images_replaced: int = 0
    moved: bool = False
    new_of: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The unit of work: a recipe and at most `slice_size` seeds.

    id: its id in the ledger.
    batch_id, batch_name: its batch.
    wanted: its batch is active and its variant is not paused.
    entry: the number of its entry in the batch, from 1.
    recipe_id, recipe: its recipe.
    seeds: its seeds, in order.
    fields: the user's own fields of its entry.
    created_at, finished_at: UTC; finished_at is None while it is open.
    filing: how its batch's files are named and encoded.
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
    filing: Filing = field(default_factory=Filing)

    def path_facts(self, seed: int) -> PathFacts:
        """Return what the path of one of its images is made of."""
        return PathFacts(
            batch_name=self.batch_name,
            entry=self.entry,
            seed=seed,
            recipe=self.recipe,
            custom_id=self.fields.get("custom_id"),
            date=self.filing.date,
        )


@dataclass(frozen=True, kw_only=True)
class SliceProgress:
    """The progress of a slice's images, by seed. An untried seed is in none of them.

    settled: seed -> status of the images that are done or failed, whichever batch they were drawn for.
    attempts: seed -> how often it was tried.
    begun: seeds that an engine has begun for this slice, so that a file of theirs may be there without a row.
    """

    settled: Mapping[int, ImageStatus]
    attempts: Mapping[int, int]
    begun: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class EngineRecord:
    """What drew images and where: one row per started engine, which its images reference.

    variant: what it drew with.
    worker, host, pid: the worker's name, the machine's name and the engine's process id.
    pipeline, runtime, compute_unit, precision: how it computed.
    versions: library -> version, and under `safety` its worker's mode.
    os, chip: the operating system and processor.
    load_ms: time to load the pipeline, ms.
    part_units: part -> compute unit, where the runtime has several.
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
    part_units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ImageRecord:
    """A finished image: its file, and how long each part of it took.

    path: of the file, relative to the output folder.
    size_bytes, sha256: of the file.
    pixels_sha256: of the pixels before they were encoded, which a PNG has unchanged.
    truncated_tokens: tokens cut off the prompt and negative prompt.
    nsfw_flagged: whether the safety checker flagged it, None without one.
    concept_scores: the safety checker's score per concept.
    queue_wait_ms: how long its slice waited in the queue.
    num_unet_calls: evaluations of the U-Net.
    encode_ms, save_ms: encoding and writing the file.
    phash, constant, brightness, contrast, sharpness: see `sdq_core.values.quality`; None until they are measured.
    near_duplicate_of: id of the image that is kept in place of this one, which looks like it; None for none.
    clip_score: how well it shows its prompt, -1 to 1; None until it is scored, and if it could not be.
    clip_model: the model that scored it, with its revision; None until one did.
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
    phash: str | None = None
    constant: bool | None = None
    brightness: float | None = None
    contrast: float | None = None
    sharpness: float | None = None
    near_duplicate_of: int | None = None
    clip_score: float | None = None
    clip_model: str | None = None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How an image stands.

    settled: it is done, or given up.
    slice_id: the slice that has it, None for none.
    """

    settled: bool = False
    slice_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The result of recording an image.

    new: it was not done before.
    wanted: its batch is still active and its variant not paused.
    begun: seed -> attempts at the image that was begun, including this one; empty if it is not to be drawn.
    upcoming: how the image stands that comes after it.
    """

    new: bool
    wanted: bool
    begun: Mapping[int, int]
    upcoming: Standing


@dataclass(frozen=True, kw_only=True)
class FinishedImage:
    """A finished image with everything known about it, for exports and checks.

    id: its row's; it grows with the first attempt.
    batch_name: of the requested batch.
    entry, fields: its entry in the requested batch, and the user's fields of that entry.
    recipe: as requested, with `any` if the variant was left open.
    seed: its seed.
    image, engine: its file and what drew it, perhaps for another batch.
    attempts: how often it was tried.
    finished_at: UTC.
    """

    id: int
    batch_name: str
    entry: int
    fields: Mapping[str, JSON]
    recipe: Recipe
    seed: int
    image: ImageRecord
    engine: EngineRecord
    attempts: int
    finished_at: datetime

    @property
    def name(self) -> str:
        """What `sdq show` finds it by, such as `night/3/42`."""
        return f"{self.batch_name}/{self.entry}/{self.seed}"

    @property
    def drawing_ms(self) -> float:
        """The engine's time for it."""
        record = self.image
        return record.text_encode_ms + record.denoise_ms + record.decode_ms + record.safety_ms


class ImageFile(NamedTuple):
    """The file of a finished image, as far as it is compared. A tuple, because millions are made one after the other.

    path: relative to the output folder.
    sha256: None if it is not to be compared.
    """

    recipe_id: int
    seed: int
    path: str
    size_bytes: int
    sha256: str | None


@dataclass(frozen=True, kw_only=True)
class CheckedPage:
    """What some slices of a batch say, for `sdq verify`.

    files: of their finished images, by slice and seed.
    closed_too_early: those of the slices that are finished and have images which are not settled.
    """

    files: Sequence[ImageFile]
    closed_too_early: Sequence[int]


class FileStanding(StrEnum):
    """What a file is that is at a batch's own path for one of its images.

    EXPECTED: the file of a finished image, or of one that is still to be drawn.
    SPARE: a second copy of an image that has its file elsewhere.
    UNKNOWN: neither.
    """

    EXPECTED = "expected"
    SPARE = "spare"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class PrunedPage:
    """The finished images that removing a part of a batch removed.

    images: how many.
    paths: their files, which are no longer needed.
    spares: where a second copy of an image may be, whose file is elsewhere.
    last: the batch was removed too.
    """

    images: int
    paths: tuple[str, ...]
    spares: tuple[str, ...] = ()
    last: bool


@dataclass(frozen=True, kw_only=True)
class PausedVariant:
    """A variant that is not drawn until it is resumed."""

    variant: RecipeVariant
    reason: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class FailedImage:
    """An image that was given up. entry, fields: those of the requested batch."""

    batch_name: str
    entry: int
    fields: Mapping[str, JSON]
    recipe: Recipe
    seed: int
    attempts: int
    error: str


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What `sdq bench` measured of one variant on one machine.

    machine, measured_at: where and when (UTC).
    variant: what was measured.
    unet: `whole` or `chunks`.
    drawn_with: whether drawing uses these parts; it does not use chunks if there is a whole U-Net.
    num_inference_steps, images: steps per image, and number of images.
    precision: of the U-Net's weights.
    pipeline, runtime, versions: what computed.
    first_load_ms: load time with nothing compiled or translated.
    warm_load_ms: load time afterwards.
    step_ms, image_ms: medians over the images, without encoding the prompt.
    peak_bytes: peak resident memory of the engine.
    psnr_db: of the image least similar to the reference's. Infinite for equal pixels, so also for the reference itself;
    None without a reference.
    error: why it could not be measured, else None.
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
        """The images that one engine draws in an hour with the measured number of steps."""
        return None if not self.image_ms else 3_600_000 / self.image_ms

    @property
    def usual_image_ms(self) -> float | None:
        """The time of an image with the default number of steps, to compare rows."""
        return self.image_ms_with(DEFAULT_NUM_INFERENCE_STEPS)

    def image_ms_with(self, num_inference_steps: int) -> float | None:
        """Compute the time of an image with another number of steps from both times."""
        if self.image_ms is None or self.step_ms is None:
            return None
        return self.image_ms + self.step_ms * (num_inference_steps - self.num_inference_steps)


@dataclass(frozen=True, kw_only=True)
class BatchStatus:
    """A batch as `sdq status` shows it. Counts are of images; times are UTC.

    eta_s: time left at the pace of its recent images, s.
    eta_range_s: the same at the pace of their fastest and of their slowest quarter; None if they are too few.
    """

    id: int
    name: str
    state: BatchState
    rank: Rank
    source: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    total: int
    completed: int
    failed: int
    images_per_hour: float | None
    eta_s: float | None
    eta_range_s: tuple[float, float] | None = None
