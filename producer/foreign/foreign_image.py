"""What another tool wrote into an image, in its own words and not checked yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from db.values import JSON
from sdq_core.values.rng import Rng


class Lost(StrEnum):
    """What sdq cannot draw, as the end of a sentence that begins with a number of images."""

    MODEL = "of a model that is not here, drawn with {}"
    SAMPLER = "with a sampler that sdq does not have, drawn with {}"
    SCHEDULE = "with another noise schedule, drawn with sdq's own"
    SIZE = "of another size, drawn with {}"
    NETWORKS = "with extra networks (LoRA and the like), drawn without"
    SECOND_PASS = "with a second pass (hires fix, upscaling, refiner), drawn without"
    FROM_IMAGE = "made from another image, drawn from the prompt alone"
    CONTROL = "with ControlNet or an adapter, drawn without"
    CLIP_SKIP = "with clip skip, drawn without"
    SYNTAX = "with another tool's syntax in the prompt"
    LONG_SEED = "with a seed of more than 32 bits, drawn with its last 32"
    UNKNOWN = "without all settings, drawn with the defaults for the rest"
    OTHER = "with settings that sdq does not have"
    STEP_NOISE = "with a sampler whose steps draw noise in another way, so expect other pictures"
    GUESSED_NOISE = "with noise of an unknown source, drawn with that of NVIDIA's GPUs"
    NOISE = "of tools whose seeds mean other noise, so expect other pictures"
    REVISION = "of another revision of their model, so other pictures are possible"


@dataclass(frozen=True, kw_only=True)
class ForeignImage:
    """One image as its tool describes it; None for what it does not say.

    tool: its name.
    sampler, schedule: by the tool's names.
    model: a name or a file's path.
    width, height: pixels.
    rng: what made its noise of its seed, None if that is not known. rng_is_guessed: it is only likely.
    steps_go_on: its sampler's own noise comes from the generator of the first.
    variants, compute_unit, weighted, eta: only of sdq's own infotext.
    lost: what sdq cannot draw -> an example.
    """

    tool: str
    prompt: str
    negative_prompt: str = ""
    steps: JSON = None
    guidance_scale: JSON = None
    sampler: str | None = None
    schedule: str | None = None
    seed: JSON = None
    model: str | None = None
    width: JSON = None
    height: JSON = None
    rng: Rng | None = None
    rng_is_guessed: bool = False
    steps_go_on: bool = False
    variants: str | None = None
    compute_unit: str | None = None
    weighted: bool | None = None
    eta: str | None = None
    lost: Mapping[Lost, str] = field(default_factory=dict)
