"""The six diffusion samplers of Apple's command line, LCM and TCD in NumPy, numerically those of diffusers 0.35.

`tests/golden` has the results of diffusers for many configurations, recorded by `tools/record_schedulers.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from sdq_core.models.scheduler_config import SchedulerConfig
from sdq_core.values.steps import steps_taken
from sdq_core.values.variants import Scheduler
from worker.pipelines.schedulers.contract import ImageScheduler, Latents
from worker.pipelines.schedulers.ddim import DDIMScheduler
from worker.pipelines.schedulers.dpm_solver_multistep import DPMSolverMultistepScheduler
from worker.pipelines.schedulers.euler_ancestral_discrete import EulerAncestralDiscreteScheduler
from worker.pipelines.schedulers.euler_discrete import EulerDiscreteScheduler
from worker.pipelines.schedulers.lcm import LCMScheduler
from worker.pipelines.schedulers.lms_discrete import LMSDiscreteScheduler
from worker.pipelines.schedulers.pndm import PNDMScheduler
from worker.pipelines.schedulers.tcd import TCDScheduler

__all__ = ["ImageScheduler", "Latents", "SchedulerConfig", "make_scheduler"]

_CLASSES: dict[Scheduler, Callable[[SchedulerConfig, int, int], ImageScheduler]] = {
    Scheduler.DDIM: DDIMScheduler,
    Scheduler.DPM_SOLVER_MULTISTEP: DPMSolverMultistepScheduler,
    Scheduler.EULER_ANCESTRAL_DISCRETE: EulerAncestralDiscreteScheduler,
    Scheduler.EULER_DISCRETE: EulerDiscreteScheduler,
    Scheduler.LMS_DISCRETE: LMSDiscreteScheduler,
    Scheduler.PNDM: PNDMScheduler,
}


def make_scheduler(
    scheduler: Scheduler,
    config: SchedulerConfig,
    num_inference_steps: int,
    *,
    strength: float = 1.0,
    eta: float = 0.0,
) -> ImageScheduler:
    """Return a scheduler for one image.

    strength: how much is drawn anew of the picture that it begins from, over 0 to 1; 1 without one.
    eta: how much noise TCD adds, from 0 to 1.

    Raises PackageError if this scheduler does not support the configuration, or this many steps of the strength.
    """
    config.refuse_unsupported()
    if scheduler is Scheduler.LCM:
        return LCMScheduler(config, num_inference_steps, strength)
    if scheduler is Scheduler.TCD:
        return TCDScheduler(config, num_inference_steps, strength, eta)
    begin = num_inference_steps - steps_taken(scheduler, num_inference_steps, strength)
    return _CLASSES[scheduler](config, num_inference_steps, begin)
