"""The six diffusion samplers of Apple's command line in NumPy, numerically those of diffusers 0.35.

`tests/golden` has the results of diffusers for many configurations, recorded by `tools/record_schedulers.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from sdq_core.models.scheduler_config import SchedulerConfig
from sdq_core.values.variants import Scheduler
from worker.pipelines.schedulers.contract import ImageScheduler, Latents
from worker.pipelines.schedulers.ddim import DDIMScheduler
from worker.pipelines.schedulers.dpm_solver_multistep import DPMSolverMultistepScheduler
from worker.pipelines.schedulers.euler_ancestral_discrete import EulerAncestralDiscreteScheduler
from worker.pipelines.schedulers.euler_discrete import EulerDiscreteScheduler
from worker.pipelines.schedulers.lms_discrete import LMSDiscreteScheduler
from worker.pipelines.schedulers.pndm import PNDMScheduler

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
    scheduler: Scheduler, config: SchedulerConfig, num_inference_steps: int, begin: int = 0
) -> ImageScheduler:
    """Return a scheduler for one image. begin: the first of its steps to take, less than num_inference_steps.

    Raises PackageError if this scheduler does not support the configuration or this many steps.
    """
    config.refuse_unsupported()
    return _CLASSES[scheduler](config, num_inference_steps, begin)
