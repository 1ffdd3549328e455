"""The interface of pipelines: a request in, an image out, the same bytes each time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sdq_core.values.conditions import NO_CONDITIONS, Conditions
from sdq_core.values.recipes import DEFAULT_RNG, Recipe
from sdq_core.values.rng import Rng
from sdq_core.values.variants import Scheduler


@dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """One image to draw: what changes from image to image within a variant."""

    prompt: str
    negative_prompt: str
    seed: int
    num_inference_steps: int
    guidance_scale: float
    scheduler: Scheduler
    rng: Rng = DEFAULT_RNG
    conditions: Conditions = NO_CONDITIONS

    @classmethod
    def of(cls, recipe: Recipe, seed: int) -> ImageRequest:
        """Return the request for the image of a recipe with this seed."""
        return cls(
            prompt=recipe.prompt,
            negative_prompt=recipe.negative_prompt,
            seed=seed,
            num_inference_steps=recipe.num_inference_steps,
            guidance_scale=recipe.guidance_scale,
            scheduler=recipe.scheduler,
            rng=recipe.rng,
            conditions=recipe.conditions,
        )


@dataclass(frozen=True, kw_only=True)
class DrawnImage:
    """An image and how long each part of it took.

    pixels: uint8 [height, width, 3], RGB.
    pipeline: the name of the one that drew it.
    truncated_tokens: tokens of the prompt and negative prompt cut off beyond the text encoder's 77.
    nsfw_flagged: whether the safety checker flagged it, None without one.
    concept_scores: the safety checker's score per concept, empty without one.
    text_encode_ms: encoding the prompts, 0 if the embeddings of the previous image were reused.
    denoise_ms: the loop over the timesteps; half of it for each of two images that were denoised at once.
    num_unet_calls: evaluations of the U-Net; some schedulers need more of them than steps.
    decode_ms: the VAE decoder.
    safety_ms: the safety checker, 0 without one.
    """

    pixels: NDArray[np.uint8]
    pipeline: str
    truncated_tokens: int
    nsfw_flagged: bool | None
    concept_scores: Mapping[str, float]
    text_encode_ms: float
    denoise_ms: float
    num_unet_calls: int
    decode_ms: float
    safety_ms: float


#: Returns what the image would be by now, uint8 [h, w, 3], a pixel for each latent; None if that cannot be said.
Look = Callable[[], NDArray[np.uint8] | None]


class StepReport(Protocol):
    """Called after each U-Net evaluation."""

    def __call__(self, done: int, total: int, look: Look | None = None) -> None:
        """done, total: of the evaluations. look: to be called before returning, or not; None without previews."""
        ...


class Pipeline(Protocol):
    """A model variant in memory."""

    @property
    def name(self) -> str:
        """``builtin`` or ``apple``; an image may name the other one, which drew it in this one's place."""
        ...

    @property
    def width(self) -> int:
        """Pixels."""
        ...

    @property
    def height(self) -> int:
        """Pixels."""
        ...

    def draw(
        self, request: ImageRequest, on_step: StepReport, upcoming: ImageRequest | None = None
    ) -> DrawnImage:
        """Draw one image.

        upcoming: what will probably be asked for next; a pipeline may compute both at once and keep what it has of that
        until the next call. None if the image is to be drawn alone.

        The latents are ``numpy.random.RandomState(seed).randn(1, 4, height // 8, width // 8)`` in float16, unscaled,
        so that a seed gives the same noise as in Apple's command line, unless the request names another `Rng`. Raises
        BrokenImageError for NaN or constant pixels, PackageError if the request does not fit the model's scheduler
        settings.
        """
        ...
