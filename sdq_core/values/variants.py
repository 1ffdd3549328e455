"""Which network runs and where: the values that select an engine and a queue."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final


class AttentionImplementation(StrEnum):
    """Apple's names for how the U-Net computes attention."""

    ORIGINAL = "original"
    SPLIT_EINSUM = "split_einsum"
    SPLIT_EINSUM_V2 = "split_einsum_v2"


class ComputeUnit(StrEnum):
    """Core ML's compute units; a runtime with only one processor accepts all and records what it used."""

    ALL = "ALL"
    CPU_AND_GPU = "CPU_AND_GPU"
    CPU_AND_NE = "CPU_AND_NE"
    CPU_ONLY = "CPU_ONLY"


class Whichever(StrEnum):
    """What a recipe has in place of both if it leaves them to the worker."""

    ANY = "any"


ANY: Final = Whichever.ANY

#: The attention implementation, as users and recipes name it.
VariantWord = AttentionImplementation | Whichever


class Scheduler(StrEnum):
    """The diffusion samplers of Apple's command line, by its names, and LCM and TCD by diffusers'."""

    DDIM = "DDIM"
    DPM_SOLVER_MULTISTEP = "DPMSolverMultistep"
    EULER_ANCESTRAL_DISCRETE = "EulerAncestralDiscrete"
    EULER_DISCRETE = "EulerDiscrete"
    LCM = "LCM"
    LMS_DISCRETE = "LMSDiscrete"
    PNDM = "PNDM"
    TCD = "TCD"


#: AUTOMATIC1111's names for the schedulers, which its infotext and most galleries use.
SAMPLER_NAMES = {
    Scheduler.DDIM: "DDIM",
    Scheduler.DPM_SOLVER_MULTISTEP: "DPM++ 2M",
    Scheduler.EULER_ANCESTRAL_DISCRETE: "Euler a",
    Scheduler.EULER_DISCRETE: "Euler",
    Scheduler.LCM: "LCM",
    Scheduler.LMS_DISCRETE: "LMS",
    Scheduler.PNDM: "PLMS",
    Scheduler.TCD: "TCD",
}


@dataclass(frozen=True, kw_only=True)
class Placement:
    """How a U-Net is laid out and where it runs: all of a variant except its model.

    A worker's lane is a placement, and so is what `sdq bench` finds to be fastest.
    """

    attention_implementation: AttentionImplementation
    compute_unit: ComputeUnit

    def __str__(self) -> str:
        """Return it as `--lanes` writes it."""
        return f"{self.attention_implementation}:{self.compute_unit}"

    def describe(self) -> str:
        """Return it as sentences write it."""
        return f"{self.attention_implementation} on {self.compute_unit}"

    def to_dict(self) -> dict[str, str]:
        """Return it for JSON, under the names of the command line's options."""
        return {
            "variant": str(self.attention_implementation),
            "compute_unit": str(self.compute_unit),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, str]) -> Placement:
        """Return what `to_dict` described; raise KeyError or ValueError for anything else."""
        return cls(
            attention_implementation=AttentionImplementation(fields["variant"]),
            compute_unit=ComputeUnit(fields["compute_unit"]),
        )

    def of(self, model: str, revision: str) -> Variant:
        """Return the variant of a model with this placement."""
        return Variant(
            model=model,
            revision=revision,
            attention_implementation=self.attention_implementation,
            compute_unit=self.compute_unit,
        )

    def draws(self, variant: RecipeVariant) -> bool:
        """Say whether a lane draws a recipe's variant: its own, or `any`."""
        return isinstance(variant, AnyVariant) or variant.placement == self


@dataclass(frozen=True, kw_only=True)
class OpenPlacement:
    """A placement as requested; None is left to `auto`."""

    attention_implementation: AttentionImplementation | None = None
    compute_unit: ComputeUnit | None = None

    @property
    def settled(self) -> Placement | None:
        """The placement, if nothing is left open."""
        if self.attention_implementation is None or self.compute_unit is None:
            return None
        return Placement(
            attention_implementation=self.attention_implementation, compute_unit=self.compute_unit
        )

    def admits(self, placement: Placement) -> bool:
        """Say whether a placement fits the request."""
        attention, unit = self.attention_implementation, self.compute_unit
        same_attention = attention in {None, placement.attention_implementation}
        return same_attention and unit in {None, placement.compute_unit}

    def to_dict(self) -> dict[str, str | None]:
        """Return it for JSON, under the names of the command line's options."""
        return {
            "variant": self.attention_implementation and str(self.attention_implementation),
            "compute_unit": self.compute_unit and str(self.compute_unit),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, str | None]) -> OpenPlacement:
        """Return what `to_dict` described; raise KeyError or ValueError for anything else."""
        attention, unit = fields["variant"], fields["compute_unit"]
        return cls(
            attention_implementation=AttentionImplementation(attention) if attention else None,
            compute_unit=ComputeUnit(unit) if unit else None,
        )


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One pinned pipeline: a model at a revision, its attention implementation and compute unit.

    model: a name that `sdq_core.models` resolves.
    revision: the fingerprint of its files for this attention implementation; a model replaced in place is another
        variant, and its images are drawn again.
    """

    model: str
    revision: str
    attention_implementation: AttentionImplementation
    compute_unit: ComputeUnit

    def __str__(self) -> str:
        return f"{self.model} {self.placement.describe()}"

    @property
    def placement(self) -> Placement:
        """All of it except the model."""
        return Placement(
            attention_implementation=self.attention_implementation, compute_unit=self.compute_unit
        )

    @cached_property
    def key(self) -> str:
        """A short name for queues and job ids: 16 hexadecimal digits."""
        return _key(self.model, self.revision, self.attention_implementation, self.compute_unit)


@dataclass(frozen=True, kw_only=True)
class AnyVariant:
    """Whichever variant of a model a worker has: its lane's, or the one in its memory.

    It has a key of its own, and so its own queue and recipes; the image's row records which variant drew it.
    ``revision`` names the reference among the model's variants (`sdq_core.models.any_variant`).
    """

    model: str
    revision: str

    @property
    def attention_implementation(self) -> Whichever:
        """Left open."""
        return ANY

    @property
    def compute_unit(self) -> Whichever:
        """Left open."""
        return ANY

    def __str__(self) -> str:
        return f"{self.model}, any variant"

    @cached_property
    def key(self) -> str:
        """A short name for queues and job ids: 16 hexadecimal digits."""
        return _key(self.model, self.revision, ANY, ANY)


#: A recipe's variant.
RecipeVariant = Variant | AnyVariant


def recipe_variant(
    *, model: str, revision: str, attention_implementation: str, compute_unit: str
) -> RecipeVariant:
    """Return the variant of stored words; raise ValueError for words that are neither a variant's nor `any`'s."""
    if attention_implementation == compute_unit == ANY:
        return AnyVariant(model=model, revision=revision)
    return Variant(
        model=model,
        revision=revision,
        attention_implementation=AttentionImplementation(attention_implementation),
        compute_unit=ComputeUnit(compute_unit),
    )


def _key(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]
