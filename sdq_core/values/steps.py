"""How many steps a scheduler takes, from a picture too."""

from __future__ import annotations

from sdq_core.values.variants import Scheduler

#: For models distilled to few steps: all are taken, and the strength says from which timestep.
DISTILLED = frozenset({Scheduler.LCM, Scheduler.TCD})
#: Timesteps that such a model knows, unless its file says otherwise.
DISTILLED_TIMESTEPS = 50


def steps_taken(scheduler: Scheduler, num_inference_steps: int, strength: float) -> int:
    """Return how many steps are taken: a picture takes the place of the first ones, as in diffusers."""
    if scheduler in DISTILLED:
        return num_inference_steps
    return min(int(num_inference_steps * strength), num_inference_steps)
