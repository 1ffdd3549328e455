"""What diffusers' files beside a model say of how it is drawn. Read for Stable Diffusion XL, whose models differ."""

from __future__ import annotations

import math
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.json_file import read_object

_REMEDY = "Put the file of the model's own repository there."


def scaling_factor(vae_config: Path) -> float:
    """Return the scaling factor of `vae/config.json`; raise PackageError for one that is damaged or not supported."""
    values = read_object(vae_config, _REMEDY)
    if values.get("latents_mean") or values.get("latents_std"):
        raise PackageError(
            f"{vae_config} sets latents_mean, which is not supported (Playground 2.5 has it). Use another model."
        )
    factor = values.get("scaling_factor")
    if not isinstance(factor, int | float) or not (math.isfinite(factor) and factor > 0):
        raise PackageError(f"{vae_config} has no scaling_factor above 0. {_REMEDY}")
    return float(factor)


def zeros_for_empty_prompt(model_index: Path) -> bool:
    """Return `force_zeros_for_empty_prompt` of `model_index.json`, true without it as in diffusers."""
    return read_object(model_index, _REMEDY).get("force_zeros_for_empty_prompt") is not False
