"""Which network runs and where: the values that pick an engine and a queue."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from functools import cached_property


class Word(str, Enum):
    """A closed set of words that print as themselves (StrEnum needs Python 3.11)."""

    __str__ = str.__str__


class AttentionImplementation(Word):
    """Apple's names for the ways in which the U-Net's attention is laid out."""

    ORIGINAL = "original"
    SPLIT_EINSUM = "split_einsum"
    SPLIT_EINSUM_V2 = "split_einsum_v2"


class ComputeUnit(Word):
    """Core ML's compute units; runtimes that know only one processor accept all and record what they used."""

    ALL = "ALL"
    CPU_AND_GPU = "CPU_AND_GPU"
    CPU_AND_NE = "CPU_AND_NE"
    CPU_ONLY = "CPU_ONLY"


class Scheduler(Word):
    """The diffusion samplers of Apple's command line, by its names."""

    DDIM = "DDIM"
    DPM_SOLVER_MULTISTEP = "DPMSolverMultistep"
    EULER_ANCESTRAL_DISCRETE = "EulerAncestralDiscrete"
    EULER_DISCRETE = "EulerDiscrete"
    LMS_DISCRETE = "LMSDiscrete"
    PNDM = "PNDM"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One pinned pipeline: a model at a revision, its attention implementation and compute unit.

    ``model`` is a name that `sdq.models` resolves, ``revision`` the fingerprint of its files for this attention
    implementation, so that a model replaced in place is another variant and its images are drawn anew.
    """

    model: str
    revision: str
    attention_implementation: AttentionImplementation
    compute_unit: ComputeUnit

    def __str__(self) -> str:
        return f"{self.model} {self.attention_implementation} on {self.compute_unit}"

    @cached_property
    def key(self) -> str:
        """A short name for queues and job ids: 16 hexadecimal digits."""
        text = "\0".join(
            (self.model, self.revision, self.attention_implementation, self.compute_unit)
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]
