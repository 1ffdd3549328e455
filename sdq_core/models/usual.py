"""How a model is usually drawn: steps, guidance scale and scheduler where neither a prompt nor the command says.

Most models are drawn as any other. Those that were distilled to a few steps are not: 20 steps with guidance spoil their
pictures. They are known by their scheduler file or by their name, or `sdq models set` says it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

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
    """

    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    scheduler: Scheduler | None = None
    by: By | None = None

    def __bool__(self) -> bool:
        return bool(self.settings())

    def settings(self) -> dict[str, Any]:
        """Return what it says, by the names of a recipe's fields."""
        said = {
            field.name: getattr(self, field.name) for field in fields(self) if field.name != "by"
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

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**self.settings(), "by": self.by}


#: Drawn as any other model.
ANY_OTHER = Usual()

#: Names, in small letters with - between words -> how these models are drawn, by their cards. A number that the name
#: has is the steps.
_KNOWN = (
    (r"\b(?:demo|sd|sdxl|stable-diffusion(?:-xl)?)-turbo\b", Usual(num_inference_steps=4, guidance_scale=0.0)),
    (r"\blightning\b.*\b([248])-?steps?\b", Usual(guidance_scale=0.0)),
    (r"\bhyper-?sd(?:xl|15)?\b.*\b(8|12)-?steps?-?cfg\b", Usual(guidance_scale=5.0)),
    (r"\bhyper-?sd(?:xl|15)?\b.*\b([248])-?steps?\b", Usual(guidance_scale=0.0)),
    (r"\blcm\b", Usual(num_inference_steps=4, guidance_scale=1.0, scheduler=Scheduler.LCM)),
    (r"\btcd\b", Usual(num_inference_steps=4, guidance_scale=0.0, scheduler=Scheduler.TCD)),
)  # fmt: skip


def usual_for(
    name: str, scheduler_config: Mapping[str, Any], *, embeds_guidance: bool = False
) -> Usual:
    """Return how a model is usually drawn, by its name and the values of its scheduler file.

    embeds_guidance: its U-Net takes the guidance scale as an input, which any scale suits.
    """
    own = own_scheduler(scheduler_config)
    usual = _known(name)
    if own in DISTILLED:
        of_file = _known(str(own))
        steps = usual.num_inference_steps or of_file.num_inference_steps
        usual = replace(of_file, num_inference_steps=steps, by=By.FILE)
    if usual.scheduler is Scheduler.LCM and embeds_guidance:
        return replace(usual, guidance_scale=None)
    return with_scheduler(usual, own)


def with_set(usual: Usual, said: Usual | None, own: Scheduler | None) -> Usual:
    """Return how a model is usually drawn after what `sdq models set` said. own: the scheduler of its file."""
    if said is None:
        return usual
    settings = {**usual.settings(), **said.settings()}
    return with_scheduler(Usual(**settings, by=By.SET), own)


def with_scheduler(usual: Usual, own: Scheduler | None) -> Usual:
    """Complete what needs few steps with the scheduler of the model's file."""
    few = usual.num_inference_steps is not None and usual.num_inference_steps <= FEW_STEPS
    return replace(usual, scheduler=own) if few and usual.scheduler is None else usual


def own_scheduler(scheduler_config: Mapping[str, Any]) -> Scheduler | None:
    """Return the scheduler that a file is for, None if sdq does not have it."""
    name = str(scheduler_config.get("_class_name")).removesuffix(_ENDING)
    return Scheduler(name) if name in list(Scheduler) else None


def _known(name: str) -> Usual:
    words = re.sub(r"[\W_]+", "-", re.split(r"[/\\]", name[:1000].rstrip("/\\"))[-1].lower())
    for pattern, usual in _KNOWN:
        if found := re.search(pattern, words):
            steps = int(found[1]) if found.groups() else usual.num_inference_steps
            return replace(usual, num_inference_steps=steps, by=By.NAME)
    return ANY_OTHER
