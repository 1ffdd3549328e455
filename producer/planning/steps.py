"""Whether a scheduler can take a line's steps."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sdq_core.errors import InputError
from sdq_core.values.conditions import Conditions
from sdq_core.values.limits import MAX_STEPS
from sdq_core.values.steps import DISTILLED, DISTILLED_TIMESTEPS, steps_taken
from sdq_core.values.variants import Scheduler


def check_steps_of(
    scheduler: Scheduler, steps: int, conditions: Conditions, timesteps: Sequence[int] = ()
) -> None:
    """Raise InputError if a scheduler cannot take the steps, or a ControlNet would work in none of them.

    timesteps: those that the model was distilled for, none if any suit.
    """
    strength = conditions.strength
    if timesteps and (steps != len(timesteps) or scheduler not in DISTILLED):
        raise InputError(
            f"the model was distilled for timestep{'s' * (len(timesteps) > 1)} "
            f"{', '.join(map(str, timesteps))}, so num_inference_steps has to be {len(timesteps)} and scheduler LCM or "
            f"TCD, not {steps} and {scheduler}"
        )
    if timesteps and strength is not None:
        raise InputError(
            "the model was distilled for set timesteps, so it cannot begin with a picture; leave init_image out"
        )
    most = _most(scheduler, 1.0)
    if steps > most:
        raise InputError(
            f"num_inference_steps is {steps}, but {scheduler} takes 1 to {most}; use 4 to 8, or another scheduler"
        )
    if strength is not None and steps > _most(scheduler, strength):
        # Tried, as 50 * 0.58 is less than 29.
        hundredths = (each / 100 for each in range(1, 101))
        least = next(each for each in hundredths if _most(scheduler, each) >= steps)
        raise InputError(
            f"strength {strength:g} is too little for {steps} steps of {scheduler}; use {least:g} or more, or fewer "
            "steps"
        )
    if strength is not None and steps_taken(scheduler, steps, strength) == 0:
        raise InputError(
            f"strength {strength:g} of {steps} steps leaves no step to draw; use {math.ceil(100 / steps) / 100:g} or "
            "more, or more steps"
        )
    # PNDM evaluates its first step twice.
    taken = conditions.steps_taken(scheduler, steps) + (scheduler is Scheduler.PNDM)
    for use in conditions.controlnets:
        if not any(use.works_in(step, taken) for step in range(taken)):
            raise InputError(
                f"{use.start:g}-{use.end:g} has none of the {taken} steps, so the ControlNet {use.name} would do "
                "nothing; name a larger part, or more steps"
            )


def _most(scheduler: Scheduler, strength: float) -> int:
    return int(DISTILLED_TIMESTEPS * strength) if scheduler in DISTILLED else MAX_STEPS
