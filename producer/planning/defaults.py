"""A submission's options, for all of its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db.values import JSON
from producer.planning.chooser import Named
from producer.reading.checks import (
    check_eta,
    check_guidance_scale,
    check_steps,
    check_strength,
    check_text,
)
from producer.reading.controlnets import Following
from sdq_core.errors import InputError
from sdq_core.values.names import model_spelling, one_spelling
from sdq_core.values.order import Priority
from sdq_core.values.recipes import (
    DEFAULT_GUIDANCE_SCALE,
    DEFAULT_NUM_INFERENCE_STEPS,
    DEFAULT_RNG,
    DEFAULT_SCHEDULER,
    DEFAULT_STRENGTH,
)
from sdq_core.values.rng import Rng
from sdq_core.values.seeds import format_seeds
from sdq_core.values.variants import ComputeUnit, Scheduler

#: Four bytes each at most; PostgreSQL's index takes 2,700.
MAX_NAME_CHARS = 255


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """A submission's options, for all of its lines; a line's own options win.

    variants: each draws its own images; `any` leaves the compute unit open, too.
    variants, compute_unit: None for auto, see `producer.planning.chooser`.
    eta: how much noise TCD adds, from 0 to 1.
    weighted: whether `(word:1.2)` in prompts weighs words.
    init_image, strength, mask, controlnets, original_size, crop: as in `PromptLine`. A strength without a picture is
        for lines that name one.
    seeds: for lines without a seed; by default the one seed 0, so that submitting again asks for the same image and
        draws nothing twice.
    random_seeds: how many to choose instead, for each line.
    batch_name: None lets the ledger choose.
    slice_size: the most seeds in a slice.
    interleave, priority, at_front: see `db.values.BatchPlan`.
    named: which of a model's usual settings the command names, and so replaces.

    Raise InputError for an invalid value.
    """

    model: str
    variants: Named
    compute_unit: ComputeUnit | None
    num_inference_steps: int = DEFAULT_NUM_INFERENCE_STEPS
    guidance_scale: float = DEFAULT_GUIDANCE_SCALE
    scheduler: Scheduler = DEFAULT_SCHEDULER
    rng: Rng = DEFAULT_RNG
    eta: float = 0.0
    weighted: bool = False
    negative_prompt: str = ""
    init_image: str | None = None
    strength: float = DEFAULT_STRENGTH
    mask: str | None = None
    original_size: tuple[int, int] | None = None
    crop: tuple[int, int] | None = None
    controlnets: tuple[Following, ...] = ()
    seeds: Sequence[int] = range(1)
    random_seeds: int | None = None
    batch_name: str | None = None
    slice_size: int = 25
    interleave: bool = False
    priority: Priority | None = None
    at_front: bool = False
    named: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", model_spelling(self.model))
        check_steps(self.num_inference_steps)
        check_guidance_scale(self.guidance_scale)
        check_strength(self.strength)
        check_eta(self.eta)
        object.__setattr__(
            self, "negative_prompt", check_text("negative_prompt", self.negative_prompt)
        )
        if self.batch_name is not None:
            name = one_spelling(check_text("batch name", self.batch_name))
            object.__setattr__(self, "batch_name", name)
            if not name:
                raise InputError("the batch name is empty; leave --batch out, or name one")
            if "\n" in name or "\t" in name:
                raise InputError("the batch name has a line end or a tab in it; leave that out")
            if len(name) > MAX_NAME_CHARS:
                raise InputError(
                    f"the batch name has {len(name):,} characters; the limit is {MAX_NAME_CHARS}"
                )
        if self.variants == ():
            raise InputError("no variant is given")
        if not self.seeds:
            raise InputError("no seeds are given")
        if self.slice_size < 1:
            raise InputError(f"slice_size is {self.slice_size}; use 1 or more")

    def to_options(self) -> dict[str, JSON]:
        """Return the JSON-ready form that a batch keeps as its record."""
        return {
            "model": self.model,
            "variants": None if self.variants is None else [str(word) for word in self.variants],
            "compute_unit": None if self.compute_unit is None else str(self.compute_unit),
            "num_inference_steps": self.num_inference_steps,
            "guidance_scale": float(self.guidance_scale),
            "scheduler": str(self.scheduler),
            "rng": str(self.rng),
            "weighted": self.weighted,
            **({"eta": self.eta} if self.eta else {}),
            "negative_prompt": self.negative_prompt,
            "seeds": None if self.random_seeds else format_seeds(self.seeds),
            "random_seeds": self.random_seeds,
            "slice_size": self.slice_size,
        }
