"""Images that were tried: their rows, and how they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from db.values.engines import EngineRecord
from db.values.json import JSON
from db.values.marks import Mark
from sdq_core.values.recipes import Recipe


class ImageStatus(StrEnum):
    """The status of an image that was tried; an untried image has no row."""

    DRAWING = "drawing"
    DONE = "done"
    FAILED = "failed"


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
    favourite, rejected: what somebody thinks of it; never both.
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
    favourite: bool = False
    rejected: bool = False

    @property
    def mark(self) -> Mark | None:
        """What somebody thinks of it."""
        return Mark.of(favourite=self.favourite, rejected=self.rejected)

    @property
    def name(self) -> str:
        """What `sdq show` finds it by, such as `night/3/42`."""
        return f"{self.batch_name}/{self.entry}/{self.seed}"

    @property
    def drawing_ms(self) -> float:
        """The engine's time for it."""
        record = self.image
        return record.text_encode_ms + record.denoise_ms + record.decode_ms + record.safety_ms


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
