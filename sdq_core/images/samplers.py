"""AUTOMATIC1111's names for the schedulers, which its infotext and most galleries use."""

from __future__ import annotations

from sdq_core.values.variants import Scheduler

SAMPLER_NAMES = {
    Scheduler.DDIM: "DDIM",
    Scheduler.DPM_SOLVER_MULTISTEP: "DPM++ 2M",
    Scheduler.EULER_ANCESTRAL_DISCRETE: "Euler a",
    Scheduler.EULER_DISCRETE: "Euler",
    Scheduler.LMS_DISCRETE: "LMS",
    Scheduler.PNDM: "PLMS",
}
