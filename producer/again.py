"""Images of the ledger that are asked for again: what is in their rows, as prompt lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from db.values import FailedImage, FinishedImage
from producer.planning.pictures import following_again, kept_name
from producer.reading.prompt_line import PromptLine
from sdq_core.values.recipes import Recipe
from sdq_core.values.seeds import compact_seeds
from sdq_core.values.variants import ANY


def lines_again(images: Iterable[FailedImage | FinishedImage]) -> list[PromptLine]:
    """Return a line for each entry, with the seeds of its images, that asks for exactly these images."""
    seeds: dict[int, list[int]] = {}
    first: dict[int, FailedImage | FinishedImage] = {}
    for image in images:
        seeds.setdefault(image.entry, []).append(image.seed)
        first.setdefault(image.entry, image)
    lines = []
    for entry, image in first.items():
        fields = image.fields
        lines.append(
            recipe_line(
                image.recipe,
                compact_seeds(seeds[entry]),
                f"prompt {entry}",
                custom_id=fields.get("custom_id"),
                tags=tuple(fields.get("tags") or ()),
                meta=fields.get("meta") or {},
                dynamic=fields.get("dynamic"),
                pictures=fields.get("pictures"),
            )
        )
    return lines


def recipe_line(
    recipe: Recipe,
    seeds: Iterable[int],
    source: str,
    *,
    pictures: Mapping[str, Any] | None = None,
    **fields: Any,
) -> PromptLine:
    """Return the line that asks for a recipe, at the revision that its model has here.

    pictures: what they are called, by the names of `PromptLine`.
    fields: the user's own.
    """
    conditions, names = recipe.conditions, pictures or {}

    def kept(field: str, sha256: str | None) -> str | None:
        return sha256 and kept_name(sha256, names.get(field))

    unit = recipe.variant.compute_unit
    return PromptLine(
        prompt=recipe.prompt,
        source=source,
        negative_prompt=recipe.negative_prompt,
        seeds=compact_seeds(seeds),
        num_inference_steps=recipe.num_inference_steps,
        guidance_scale=recipe.guidance_scale,
        scheduler=recipe.scheduler,
        rng=recipe.rng,
        eta=recipe.conditions.eta or None,
        weighted=recipe.conditions.weighted,
        variants=(recipe.variant.attention_implementation,),
        compute_unit=None if unit is ANY else unit,
        model=recipe.variant.model,
        init_image=kept("init_image", conditions.init_image),
        strength=conditions.strength,
        mask=kept("mask", conditions.mask),
        original_size=conditions.original_size,
        crop=conditions.crop,
        controlnets=following_again(conditions.controlnets, names),
        **fields,
    )
