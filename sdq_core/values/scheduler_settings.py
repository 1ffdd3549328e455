"""Settings of a scheduler file that `sdq models set` can replace, by the file's keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: What a U-Net predicts.
PREDICTION_TYPES = ("epsilon", "sample", "v_prediction")
#: How steps are spread over the timesteps of training.
SPACINGS = ("linspace", "leading", "trailing")
#: The timesteps that a model was distilled for, in place of those of any spacing: LCM's and TCD's. In diffusers they
#: are an argument of pipelines, and in no file.
TIMESTEPS = "timesteps"

SCHEDULER_SETTINGS = ("prediction_type", "timestep_spacing", TIMESTEPS)


def options_of(settings: Mapping[str, Any]) -> str:
    """Return settings as the options of `sdq models set`."""
    return " ".join(
        f"--{key.replace('_', '-')} {','.join(map(str, value)) if isinstance(value, list) else value}"
        for key, value in settings.items()
    )
