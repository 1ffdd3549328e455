"""A model's `scheduler_config.json`, read as diffusers reads it.

A configuration is written for one scheduler class and used for any: each class takes the settings that it supports and
its own defaults for the rest (`Scheduler.from_config(pipe.scheduler.config)` in diffusers).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from sdq_core.errors import PackageError
from sdq_core.models.json_file import read_object
from sdq_core.printable import quote
from sdq_core.values.scheduler_settings import TIMESTEPS

#: Settings that change the image and that no scheduler here supports: refuse them rather than draw another image.
UNSUPPORTED = (
    "thresholding",
    "use_beta_sigmas",
    "use_flow_sigmas",
    "use_dynamic_shifting",
)

#: The classes whose settings mean the same to each other (`KarrasDiffusionSchedulers` in diffusers). Any other is for
#: models that are sampled in another way: flow matching, EDM.
_EXCHANGEABLE = frozenset(
    {
        "DDIMScheduler",
        "DDPMScheduler",
        "DEISMultistepScheduler",
        "DPMSolverMultistepScheduler",
        "DPMSolverSDEScheduler",
        "DPMSolverSinglestepScheduler",
        "EulerAncestralDiscreteScheduler",
        "EulerDiscreteScheduler",
        "HeunDiscreteScheduler",
        "KDPM2AncestralDiscreteScheduler",
        "KDPM2DiscreteScheduler",
        "LCMScheduler",
        "LMSDiscreteScheduler",
        "PNDMScheduler",
        "TCDScheduler",
        "UniPCMultistepScheduler",
    }
)

#: What at least one scheduler here reads, or what changes nothing.
_KNOWN = frozenset(
    {
        "algorithm_type",
        "beta_end",
        "beta_schedule",
        "beta_start",
        "clip_sample",
        "clip_sample_range",
        "dynamic_thresholding_ratio",
        "euler_at_final",
        "final_sigmas_type",
        "interpolation_type",
        "lambda_min_clipped",
        "lower_order_final",
        "num_train_timesteps",
        "original_inference_steps",
        "prediction_type",
        "rescale_betas_zero_snr",
        "sample_max_value",
        "set_alpha_to_one",
        "sigma_max",
        "sigma_min",
        "skip_prk_steps",
        "solver_order",
        "solver_type",
        "steps_offset",
        "timestep_scaling",
        "timestep_spacing",
        "timestep_type",
        TIMESTEPS,
        "trained_betas",
        "use_exponential_sigmas",
        "use_karras_sigmas",
        "use_lu_lambdas",
        "variance_type",
    }
)


@dataclass(frozen=True, kw_only=True)
class SchedulerConfig:
    """The settings of a scheduler by diffusers' names; absent or null ones take the reading class's default.

    origin: the file that they come from, for messages.
    """

    values: Mapping[str, Any]
    origin: str

    @classmethod
    def from_file(cls, path: Path) -> SchedulerConfig:
        """Read `scheduler_config.json`; raise PackageError if it is missing, damaged or of an unsupported class."""
        values = read_object(path, "Put the model's own scheduler_config.json there.")
        kind = values.get("_class_name")
        if kind is not None and str(kind) not in _EXCHANGEABLE:
            raise PackageError(
                f"{path} is for {quote(str(kind))}, which is not supported. Its model would draw something else with "
                "another scheduler: use another model."
            )
        return cls(values=values, origin=str(path))

    def for_stable_diffusion(self) -> SchedulerConfig:
        """Correct two settings as diffusers' StableDiffusionPipeline does when it loads an outdated file.

        ``steps_offset`` becomes 1, and ``clip_sample``, which would clip latents to [-1, 1], becomes false. Only for
        settings in the file: `from_config` drops corrections of settings that are left to a default.
        """
        values = dict(self.values)
        if "steps_offset" in values:
            values["steps_offset"] = 1
        if values.get("clip_sample"):
            values["clip_sample"] = False
        return SchedulerConfig(values=values, origin=self.origin)

    def with_set(self, settings: Mapping[str, Any]) -> SchedulerConfig:
        """Return the same settings with some in place of the file's."""
        return SchedulerConfig(values={**self.values, **settings}, origin=self.origin)

    def with_defaults(self, defaults: Mapping[str, Any]) -> SchedulerConfig:
        """Return the same settings, with those that are absent or null taken from ``defaults``."""
        given = {key: value for key, value in self.values.items() if value is not None}
        return SchedulerConfig(values={**defaults, **given}, origin=self.origin)

    def ignored(self) -> list[str]:
        """Return the settings that are set to something and that no scheduler here reads, sorted."""
        return sorted(
            key
            for key, value in self.values.items()
            if value and not key.startswith("_") and key not in {*_KNOWN, *UNSUPPORTED}
        )

    def refuse_unsupported(self) -> None:
        """Raise PackageError for a setting that sdq does not support."""
        wrong = [key for key in UNSUPPORTED if self.values.get(key)]
        # Other values choose the noise of DDPM's own steps.
        if str(self.values.get("variance_type")).startswith("learned"):
            wrong.append("variance_type")
        if wrong:
            raise PackageError(
                f"{self.origin} sets {wrong[0]!r}, which sdq's schedulers do not support. "
                "Remove it, or draw with Apple's pipeline on a Mac."
            )

    def number(self, key: str, default: float) -> float:
        """Return a setting as float."""
        value = self.values.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
            raise self._wrong(key, value, "a number")
        return float(value)

    def optional_number(self, key: str) -> float | None:
        """Return a setting as float, None if it is absent."""
        return None if self.values.get(key) is None else self.number(key, 0.0)

    def integer(self, key: str, default: int) -> int:
        """Return a setting as int."""
        value = self.number(key, default)
        if value != int(value):
            raise self._wrong(key, value, "a whole number")
        return int(value)

    def flag(self, key: str, default: bool) -> bool:
        """Return a setting as bool."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._wrong(key, value, "true or false")
        return value

    def word(self, key: str, default: str, allowed: tuple[str, ...]) -> str:
        """Return a setting that is one of a few words."""
        value = self.values.get(key)
        if value is None:
            return default
        if value not in allowed:
            raise self._wrong(key, value, f"one of {', '.join(allowed)}")
        return str(value)

    def timesteps(self) -> list[int]:
        """Return the timesteps that the model was distilled for, none if the file says nothing of them."""
        numbers = self.numbers(TIMESTEPS) or []
        steps = [int(number) for number in numbers]
        trained = self.integer("num_train_timesteps", 1000)
        falling = all(before > after for before, after in pairwise(steps))
        if steps != numbers or not falling or any(not 0 <= step < trained for step in steps):
            raise self._wrong(TIMESTEPS, numbers, f"falling whole numbers below {trained}")
        return steps

    def numbers(self, key: str) -> list[float] | None:
        """Return a setting that is a list of numbers, None if it is absent."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or not value:
            raise self._wrong(key, value, "a list of numbers")
        for number in value:
            if isinstance(number, bool) or not isinstance(number, (int, float)):
                raise self._wrong(key, number, "a list of numbers")
        return [float(number) for number in value]

    def _wrong(self, key: str, value: object, wanted: str) -> PackageError:
        return PackageError(
            f"{self.origin}: {key!r} is {value!r}, but must be {wanted}. Use the model's own file."
        )
