"""What the user prefers to draw with, from `sdq.toml` and the environment: checked as the options are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from producer.planning.chooser import AUTO, Named
from producer.reading.checks import (
    check_guidance_scale,
    check_quality,
    check_steps,
    check_text,
)
from producer.reading.words import (
    parse_compute_unit,
    parse_image_format,
    parse_rng,
    parse_scheduler,
    parse_variants,
)
from sdq_core.errors import InputError
from sdq_core.images.filing import Filing
from sdq_core.settings import Preferences
from sdq_core.values.variants import ANY, ComputeUnit


def preferred_variants(preferences: Preferences) -> Named:
    """Return the preferred variants, None for auto."""
    text = preferences.variant
    return None if text.strip().lower() == AUTO else parse_variants(text)


def preferred_compute_unit(preferences: Preferences) -> ComputeUnit | None:
    """Return the preferred compute unit, None for auto."""
    text = preferences.compute_unit
    return None if text.strip().lower() == AUTO else parse_compute_unit(text)


def problems(preferences: Preferences, origins: Mapping[str, str]) -> list[str]:
    """Return what is wrong with preferences, each behind where it was set."""
    found = []
    for setting, check in _CHECKS.items():
        try:
            check(preferences)
        except InputError as error:
            found.append(f"{origins[setting].removeprefix('environment ')}: {error}")
    return found


def _check_model(preferences: Preferences) -> None:
    model = preferences.model
    if "/" in model and not model.startswith(("/", "~")):
        raise InputError(
            f"model {model!r} depends on the current folder; name a model or an absolute path"
        )


def _check_variant(preferences: Preferences) -> None:
    variants = preferred_variants(preferences)
    if variants and ANY in variants and preferences.compute_unit.strip().lower() != AUTO:
        raise InputError(
            "variant any leaves the compute unit to the worker; leave compute_unit out"
        )


def _check_path_template(preferences: Preferences) -> None:
    try:
        image_format = parse_image_format(preferences.image_format)
    except InputError:
        return  # that is what is wrong
    Filing.make(preferences.path_template, image_format)


_CHECKS: Mapping[str, Callable[[Preferences], Any]] = {
    "model": _check_model,
    "compute_unit": preferred_compute_unit,
    "variant": _check_variant,
    "steps": lambda preferences: check_steps(preferences.steps),
    "guidance_scale": lambda preferences: check_guidance_scale(preferences.guidance_scale),
    "scheduler": lambda preferences: parse_scheduler(preferences.scheduler),
    "rng": lambda preferences: parse_rng(preferences.rng),
    "image_format": lambda preferences: parse_image_format(preferences.image_format),
    "quality": lambda preferences: check_quality(preferences.quality),
    "path_template": _check_path_template,
    "negative_prompt": lambda preferences: check_text(
        "negative_prompt", preferences.negative_prompt
    ),
}
