"""What a submission may say, as it was given: by the command line's options or by Python's arguments."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sdq_core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class SubmitOptions:
    """The options as given; None, or empty, for those left out. `sdq.submitting.request` checks them.

    objects: prompts as Python has them, None for those of files and of the command line.
    meta: the user's own fields for every line that does not set them itself.
    """

    files: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    objects: Sequence[object] | None = None
    negative_prompt: str | None = None
    seeds: str | None = None
    random_seeds: int | None = None
    num_inference_steps: str | None = None
    guidance_scale: str | None = None
    scheduler: str | None = None
    rng: str | None = None
    eta: str | None = None
    weighted: bool = False
    init_images: tuple[str, ...] = ()
    strength: str | None = None
    mask: str | None = None
    original_size: str | None = None
    crop: str | None = None
    controlnets: tuple[str, ...] = ()
    annotate: str | None = None
    model: str | None = None
    variant: str | None = None
    compute_unit: str | None = None
    batch: str | None = None
    priority: str | None = None
    at_front: bool = False
    interleave: bool = False
    meta: Mapping[str, Any] = field(default_factory=dict)
    prompt_format: str | None = None
    literal: bool = False
    dynamic: str | None = None
    wildcards: str | None = None
    dynamic_seed: int | None = None
    max_images: int | None = None
    strict: bool = False
    path_template: str | None = None
    image_format: str | None = None
    quality: int | None = None


@contextlib.contextmanager
def value_of(option: str) -> Iterator[None]:
    """Put an option's name before what is wrong with its value."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{option}: {error}") from error
