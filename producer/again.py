"""Requesting failed images again with other options: `sdq retry --set steps=40`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from db.values import FailedImage
from producer.reading.fields import build_line
from producer.reading.names import field_named, unknown_name
from producer.reading.prompt_line import PromptLine
from sdq_core.errors import InputError, UsageError
from sdq_core.values.variants import ANY

#: What makes a different image of the same prompt and seed. The user's own fields stay with their image.
_CHANGEABLE = frozenset(
    {"prompt", "negative_prompt", "num_inference_steps", "guidance_scale", "scheduler", "variants",
     "compute_unit", "model"}
)  # fmt: skip


def lines_again(failed: Iterable[FailedImage], settings: Sequence[str]) -> list[PromptLine]:
    """Return the prompt lines of failed images with some options changed.

    settings: ``name=value``, by any name that a prompt file takes.

    Raise UsageError for a setting of another form or one that cannot be changed, InputError for an invalid value.
    """
    changes = _changes(settings)
    leaves_unit_open = str(ANY) in changes.get("variants", "").lower().split(",")
    seeds: dict[int, list[int]] = {}
    first: dict[int, FailedImage] = {}
    for image in failed:
        seeds.setdefault(image.entry, []).append(image.seed)
        first.setdefault(image.entry, image)
    lines: list[PromptLine] = []
    problems: list[str] = []
    for entry, image in first.items():
        values = {**_values(image), "seed": seeds[entry], **changes}
        if leaves_unit_open and "compute_unit" not in changes:
            del values["compute_unit"]
        line = build_line(values, source=f"prompt {entry}", problems=problems)
        if line is not None:
            made_by = None if "prompt" in changes else image.fields.get("dynamic")
            lines.append(replace(line, dynamic=made_by))
    if problems:
        # The option is wrong for every line alike.
        raise InputError(f"--set: {problems[0].partition(': ')[2]}")
    return lines


def _changes(settings: Sequence[str]) -> dict[str, str]:
    changes: dict[str, str] = {}
    for setting in settings:
        name, sign, value = setting.partition("=")
        if not sign:
            raise UsageError(f"--set takes NAME=VALUE, such as steps=40, not {setting!r}.")
        field = field_named(name)
        if field is None:
            raise UsageError(f"--set: {unknown_name('option', name)}")
        if field not in _CHANGEABLE:
            raise UsageError(f"--set cannot change {name.strip()}: retried images keep theirs.")
        changes[field] = value
    return changes


def _values(image: FailedImage) -> Mapping[str, Any]:
    recipe = image.recipe
    return {
        "prompt": recipe.prompt,
        "negative_prompt": recipe.negative_prompt,
        "num_inference_steps": recipe.num_inference_steps,
        "guidance_scale": recipe.guidance_scale,
        "scheduler": str(recipe.scheduler),
        "variants": str(recipe.variant.attention_implementation),
        "compute_unit": None
        if recipe.variant.compute_unit is ANY
        else str(recipe.variant.compute_unit),
        "model": recipe.variant.model,
        "custom_id": image.fields.get("custom_id"),
        "tags": image.fields.get("tags"),
        "meta": image.fields.get("meta"),
    }
