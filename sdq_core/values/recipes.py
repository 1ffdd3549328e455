"""Recipes: everything that determines an image's pixels except its seed.

Two recipes with the same content key are the same row of the ledger; (content key, seed) is an image's identity, and
nothing is ever drawn twice for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sdq_core.values.conditions import NO_CONDITIONS, Conditions
from sdq_core.values.variants import RecipeVariant, Scheduler, recipe_variant

DEFAULT_NUM_INFERENCE_STEPS = 20
DEFAULT_GUIDANCE_SCALE = 7.5
DEFAULT_SCHEDULER = Scheduler.DPM_SOLVER_MULTISTEP
#: How much of a picture is drawn anew, as in Apple's Swift command line.
DEFAULT_STRENGTH = 0.5

#: ``numpy.random.RandomState(seed)``, what Apple's command line draws its latents from.
RNG_NUMPY = "numpy"

#: One encoder for all keys: a submission makes tens of thousands, and `json.dumps` would build one for each.
_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to draw; with a seed, which image.

    width, height: pixels, the model's own.
    num_inference_steps: calls of the U-Net, from 1.
    guidance_scale: 1 or less means no classifier-free guidance.
    rng: what the latents are drawn from.
    conditions: what else it is drawn by.
    """

    variant: RecipeVariant
    prompt: str
    width: int
    height: int
    negative_prompt: str = ""
    num_inference_steps: int = DEFAULT_NUM_INFERENCE_STEPS
    guidance_scale: float = DEFAULT_GUIDANCE_SCALE
    scheduler: Scheduler = DEFAULT_SCHEDULER
    rng: str = RNG_NUMPY
    conditions: Conditions = NO_CONDITIONS

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-ready form that content key, PNG metadata and exports share: flat but for conditions."""
        return {
            "model": self.variant.model,
            "revision": self.variant.revision,
            "attention_implementation": str(self.variant.attention_implementation),
            "compute_unit": str(self.variant.compute_unit),
            "prompt": self.prompt,
            "negative_prompt": self.negative_prompt,
            "num_inference_steps": self.num_inference_steps,
            "guidance_scale": float(self.guidance_scale),
            "scheduler": str(self.scheduler),
            "width": self.width,
            "height": self.height,
            "rng": self.rng,
            **(self.conditions.to_dict() if self.conditions is not NO_CONDITIONS else {}),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Recipe:
        """Return the recipe that `to_dict` described; raise KeyError or ValueError for anything else."""
        return cls(
            variant=recipe_variant(
                model=str(fields["model"]),
                revision=str(fields["revision"]),
                attention_implementation=str(fields["attention_implementation"]),
                compute_unit=str(fields["compute_unit"]),
            ),
            prompt=str(fields["prompt"]),
            negative_prompt=str(fields["negative_prompt"]),
            num_inference_steps=int(fields["num_inference_steps"]),
            guidance_scale=float(fields["guidance_scale"]),
            scheduler=Scheduler(str(fields["scheduler"])),
            width=int(fields["width"]),
            height=int(fields["height"]),
            rng=str(fields["rng"]),
            conditions=Conditions.from_dict(fields),
        )

    @cached_property
    def content_key(self) -> str:
        """The sha256, in hexadecimal, of the recipe's canonical JSON."""
        canonical = _CANONICAL.encode(self.to_dict())
        return hashlib.sha256(canonical.encode()).hexdigest()
