"""From `--dynamic`, `--wildcards` and options with several values to the lines that are planned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from db.values import JSON
from producer import Defaults, PromptLine, Remarks
from producer.dynamic.expansion import Dynamic, Mode, expand
from producer.dynamic.wildcards import Wildcards
from producer.planning.cap import MAX_EXPANDED_IMAGES, MAX_IMAGES
from producer.planning.grid import Grid, parse_values
from producer.planning.line_seeds import settled
from producer.reading.lines import STANDARD_INPUT
from sdq.submitting.options import SubmitOptions, value_of
from sdq.submitting.pictures import followings, pictures_named
from sdq_core.errors import UsageError
from sdq_core.values.annotators import Annotator

_WILDCARDS = "wildcards"


def read_grid(options: SubmitOptions) -> tuple[dict[str, Any], Grid]:
    """Return the first value of each option that may have several and is given, and the grid of several."""
    axes: dict[str, tuple[Any, ...]] = {}
    for field, option, written in (
        ("num_inference_steps", "--steps", options.num_inference_steps),
        ("guidance_scale", "--guidance-scale", options.guidance_scale),
        ("scheduler", "--scheduler", options.scheduler),
        ("rng", "--rng", options.rng),
        ("strength", "--strength", options.strength),
        ("eta", "--eta", options.eta),
    ):
        if written is not None:
            with value_of(option):
                axes[field] = parse_values(field, written)
    if options.init_images:
        with value_of("--init-image"):
            axes["init_image"] = tuple(pictures_named(options.init_images))
    annotator = Annotator(options.annotate) if options.annotate else None
    if options.controlnets:
        with value_of("--controlnet"):
            axes["controlnets"] = tuple(followings(options.controlnets, annotator))
    elif annotator:
        raise UsageError(
            "--annotate makes maps of the pictures of --controlnet. Name one, or leave --annotate out."
        )
    return {field: values[0] for field, values in axes.items()}, Grid(axes)


def read_dynamic(options: SubmitOptions) -> Dynamic | None:
    """Return how templates become prompts, None if they are drawn as they are."""
    if options.dynamic is None:
        for option, value in (
            ("--wildcards", options.wildcards),
            ("--dynamic-seed", options.dynamic_seed),
        ):
            if value is not None:
                raise UsageError(
                    f"{option} needs --dynamic. Add --dynamic random or combinatorial."
                )
        return None
    if options.literal:
        raise UsageError("--literal draws every line as it is. Leave it or --dynamic out.")
    return Dynamic(
        mode=Mode(options.dynamic),
        wildcards=Wildcards(_folder(options), named=options.wildcards is not None),
        seed=options.dynamic_seed or 0,
    )


def expanded(
    lines: Sequence[PromptLine],
    defaults: Defaults,
    options: SubmitOptions,
    *,
    dynamic: Dynamic | None,
    grid: Grid,
    remarks: Remarks,
) -> tuple[Sequence[PromptLine], int]:
    """Return the lines with one prompt and one combination of options each, and the most images that there may be."""
    remarks.multiplied.combinations = grid.combinations
    max_images = options.max_images
    if max_images is None:
        max_images = MAX_EXPANDED_IMAGES if dynamic or remarks.multiplied.has_grid else MAX_IMAGES
    if dynamic or remarks.multiplied.has_grid:
        lines = settled(lines, defaults)
    if dynamic:
        lines = expand(lines, defaults, dynamic, max_images=max_images, remarks=remarks)
    if grid:
        lines = grid.lines(lines, defaults, max_images)
    return lines, max_images


def recorded(options: SubmitOptions, dynamic: Dynamic | None, grid: Grid) -> dict[str, JSON]:
    """Return what a batch keeps of it beside its other options."""
    said: dict[str, JSON] = {}
    if dynamic:
        said["dynamic"] = dynamic.to_dict()
    if grid:
        said["grid"] = grid.to_dict()
    if options.init_images:
        said["init_images"] = list(options.init_images)
    if options.controlnets:
        said["controlnets"] = list(options.controlnets)
    if options.annotate:
        said["annotate"] = options.annotate
    return said


def _folder(options: SubmitOptions) -> Path:
    """Return the wildcard folder: the one named, else `wildcards` beside the first prompt file."""
    if options.wildcards is not None:
        return Path(options.wildcards)
    files = [file for file in options.files if file != STANDARD_INPUT]
    return (Path(files[0]).parent if files else Path()) / _WILDCARDS
