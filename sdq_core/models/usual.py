"""How a model is usually drawn: steps, guidance scale and scheduler where neither a prompt nor the command says.

Most models are drawn as any other. Those that were distilled to a few steps are not: 20 steps with guidance spoil their
pictures. They are known by their scheduler file or by their name, or `sdq models set` says it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from sdq_core.values.scheduler_settings import SCHEDULER_SETTINGS, TIMESTEPS, options_of
from sdq_core.values.steps import DISTILLED
from sdq_core.values.variants import Scheduler

#: A model that needs no more steps than these takes the scheduler of its own file.
FEW_STEPS = 8
_ENDING = "Scheduler"


class By(StrEnum):
    """What says how a model is usually drawn."""

    FILE = "scheduler_file"
    NAME = "name"
    SET = "set"


_SAID = {
    By.FILE: "known by its scheduler file",
    By.NAME: "known by its name",
    By.SET: "as set with `sdq models set`",
}


@dataclass(frozen=True, kw_only=True)
class Usual:
    """Settings of one model; None where it is drawn as any other. They are fields of recipes.

    by: what says so.
    lacks: what the scheduler file would have to say besides, of `SCHEDULER_SETTINGS`, and does not.
    """

    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    scheduler: Scheduler | None = None
    by: By | None = None
    lacks: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.settings())

    def settings(self) -> dict[str, Any]:
        """Return what it says, by the names of a recipe's fields."""
        said = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in {"by", "lacks"}
        }
        return {name: value for name, value in said.items() if value is not None}

    def describe(self) -> str:
        """Return it for a sentence or a table: `4 steps, guidance scale 0, EulerDiscrete`."""
        steps, scale = self.num_inference_steps, self.guidance_scale
        said = (
            None if steps is None else f"{steps} step{'s' * (steps > 1)}",
            None if scale is None else f"guidance scale {scale:g}",
            self.scheduler,
        )
        return ", ".join(word for word in said if word)

    def why(self) -> str:
        """Return what says so, for the end of a sentence."""
        return _SAID[self.by] if self.by else ""

    def remedy(self, model: str) -> str:
        """Return a sentence about what its scheduler file lacks, behind another one; empty for nothing."""
        if not self.lacks:
            return ""
        return (
            " Its scheduler file is not for that, so its images would be poor: run `sdq models set "
            f"{model} {options_of(self.lacks)}`."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**self.settings(), "by": self.by}


#: Drawn as any other model.
ANY_OTHER = Usual()

_UNGUIDED = Usual(guidance_scale=0.0)
_FOUR = Usual(num_inference_steps=4, guidance_scale=0.0)
_LCM = Usual(num_inference_steps=4, guidance_scale=1.0, scheduler=Scheduler.LCM)
_LCM_UNGUIDED = replace(_LCM, guidance_scale=0.0)
_TCD = Usual(num_inference_steps=4, guidance_scale=0.0, scheduler=Scheduler.TCD)
_TRAILING = {"timestep_spacing": "trailing"}
_EULER = {"_class_name": "EulerDiscreteScheduler", **_TRAILING}
_DDIM = {"_class_name": "DDIMScheduler", **_TRAILING}
_LCM_FILE, _TCD_FILE = {"_class_name": "LCMScheduler"}, {"_class_name": "TCDScheduler"}
_HYPER = r"\bhyper-?sd(?:xl|15)?\b.*\b"

#: Names, in small letters with - between words -> how these models are drawn, by their cards, and what their scheduler
#: file has to say for it. A number that the name has is the steps.
_KNOWN: Sequence[tuple[str, Usual, Mapping[str, Any]]] = (
    (r"\b(?:sdxl|stable-diffusion-xl)-turbo\b", _FOUR, {**_EULER, "_class_name": "EulerAncestralDiscreteScheduler"}),
    (r"\b(?:demo|sd|stable-diffusion)-turbo\b", _FOUR, _EULER),
    (r"\blightning\b.*\b(1)-?steps?\b", _UNGUIDED, {**_EULER, "prediction_type": "sample"}),
    (r"\blightning\b.*\b([248])-?steps?\b", _UNGUIDED, _EULER),
    (r"\bsdxl-?lightning\b", ANY_OTHER, _EULER),
    (rf"{_HYPER}(8|12)-?steps?-?cfg\b", Usual(guidance_scale=5.0), _DDIM),
    (rf"{_HYPER}([248])-?steps?\b", _UNGUIDED, _DDIM),
    (rf"{_HYPER}(1)-?steps?-?unet\b", _LCM_UNGUIDED, {**_LCM_FILE, TIMESTEPS: [800]}),
    (rf"{_HYPER}(1)-?steps?\b", _TCD, _TCD_FILE),
    (r"\bdmd2\b.*\b(1)-?steps?\b", _LCM_UNGUIDED, {**_LCM_FILE, TIMESTEPS: [399]}),
    (r"\bdmd2\b", _LCM_UNGUIDED, {**_LCM_FILE, TIMESTEPS: [999, 749, 499, 249]}),
    (r"\bflash-sd(?:xl)?\b", _LCM_UNGUIDED, _LCM_FILE),
    (r"\bpcm\b.*\bnormalcfg\b.*\b(4|8|16)-?steps?\b", replace(_TCD, guidance_scale=7.5), _TCD_FILE),
    (r"\bpcm\b.*\b(2|4|8|16)-?steps?\b", _TCD, _TCD_FILE),
    (r"\blcm\b", _LCM, _LCM_FILE),
    (r"\btcd\b", _TCD, _TCD_FILE),
)  # fmt: skip


def usual_for(
    name: str, scheduler_config: Mapping[str, Any], *, embeds_guidance: bool = False
) -> Usual:
    """Return how a model is usually drawn, by its name and the values of its scheduler file.

    embeds_guidance: its U-Net takes the guidance scale as an input, which any scale suits.
    """
    own = own_scheduler(scheduler_config)
    usual, file = _known(name)
    lacks = {
        key: value
        for key, value in file.items()
        if key in SCHEDULER_SETTINGS and scheduler_config.get(key) != value
    }
    timesteps = scheduler_config.get(TIMESTEPS)
    if own in DISTILLED or timesteps:
        of_file = _TCD if own is Scheduler.TCD else _LCM
        steps = usual.num_inference_steps or of_file.num_inference_steps
        usual = replace(
            of_file,
            num_inference_steps=len(timesteps) if isinstance(timesteps, list) else steps,
            guidance_scale=of_file.guidance_scale
            if usual.guidance_scale is None
            else usual.guidance_scale,
            by=By.FILE,
        )
    if usual.scheduler is Scheduler.LCM and embeds_guidance:
        usual = replace(usual, guidance_scale=None)
    return with_scheduler(replace(usual, lacks=lacks), own)


def scheduler_settings_of(name: str) -> Mapping[str, Any]:
    """Return what the scheduler file of a model has to say, as far as its name tells; nothing for most."""
    return _known(name)[1]


def with_set(usual: Usual, said: Usual | None, own: Scheduler | None) -> Usual:
    """Return how a model is usually drawn after what `sdq models set` said. own: the scheduler of its file."""
    if not said:
        return usual
    settings = {**usual.settings(), **said.settings()}
    return with_scheduler(Usual(**settings, by=By.SET, lacks=usual.lacks), own)


def with_scheduler(usual: Usual, own: Scheduler | None) -> Usual:
    """Complete what needs few steps with the scheduler of the model's file."""
    few = usual.num_inference_steps is not None and usual.num_inference_steps <= FEW_STEPS
    return replace(usual, scheduler=own) if few and usual.scheduler is None else usual


def own_scheduler(scheduler_config: Mapping[str, Any]) -> Scheduler | None:
    """Return the scheduler that a file is for, None if sdq does not have it."""
    name = str(scheduler_config.get("_class_name")).removesuffix(_ENDING)
    return Scheduler(name) if name in list(Scheduler) else None


def _known(name: str) -> tuple[Usual, Mapping[str, Any]]:
    words = re.sub(r"[\W_]+", "-", re.split(r"[/\\]", name[:1000].rstrip("/\\"))[-1].lower())
    for pattern, usual, file in _KNOWN:
        if found := re.search(pattern, words):
            steps = int(found[1]) if found.groups() else usual.num_inference_steps
            return replace(usual, num_inference_steps=steps, by=By.NAME), file
    return ANY_OTHER, {}
