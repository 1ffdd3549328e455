"""The names that tools have for samplers, and the scheduler of sdq that is the same algorithm.

Karras and the like are not samplers but schedules of noise, which many tools write behind the name: they are taken off
and reported.
"""

from __future__ import annotations

import re

from sdq_core.values.variants import Scheduler

_DDIM, _PNDM = Scheduler.DDIM, Scheduler.PNDM
_EULER, _EULER_A = Scheduler.EULER_DISCRETE, Scheduler.EULER_ANCESTRAL_DISCRETE
_LMS, _DPM = Scheduler.LMS_DISCRETE, Scheduler.DPM_SOLVER_MULTISTEP

#: Names without what is written differently -> schedulers.
_SCHEDULERS = {
    **dict.fromkeys(("ddim", "ddimscheduler"), _DDIM),
    **dict.fromkeys(("plms", "pndm", "pndmscheduler"), _PNDM),
    **dict.fromkeys(("euler", "keuler", "eulerdiscrete", "eulerdiscretescheduler"), _EULER),
    **dict.fromkeys(
        ("eulera", "keulera", "eulerancestral", "eulerancenstral", "keulerancestral", "eulerancestraldiscrete",
         "eulerancestraldiscretescheduler"),
        _EULER_A,
    ),
    **dict.fromkeys(("lcm", "lcmscheduler"), Scheduler.LCM),
    **dict.fromkeys(("tcd", "tcdscheduler"), Scheduler.TCD),
    **dict.fromkeys(("lms", "klms", "lmsdiscrete", "lmsdiscretescheduler"), _LMS),
    **dict.fromkeys(
        ("dpm++2m", "dpmpp2m", "kdpmpp2m", "kdpmpp2", "dpmsolver++", "dpmsolver++2m", "dpmsolvermultistep",
         "dpmsolvermultistepscheduler"),
        _DPM,
    ),
}  # fmt: skip
#: What stands behind a sampler's name -> what messages call it. InvokeAI writes _k for Karras.
_SCHEDULES = {
    "karras": "Karras", "exponential": "exponential", "ays": "AYS", "trailing": "trailing", "substep": "substep",
    "sgmuniform": "SGM uniform", "beta": "beta", "k": "Karras", "normal": "", "simple": "",
}  # fmt: skip
#: Schedules that are what the sampler does by itself.
_USUAL = frozenset(
    {"", "automatic", "normal", "uniform", "simple", "discrete", "ddimuniform", "default"}
)


def scheduler_named(name: str) -> tuple[Scheduler | None, str]:
    """Return the scheduler for a sampler's name, None without one, and the schedule in the name, empty without one."""
    key = _squeezed(name).removeprefix("sample")
    if key in _SCHEDULERS:
        return _SCHEDULERS[key], ""
    for ending, schedule in _SCHEDULES.items():
        if key.removesuffix(ending) in _SCHEDULERS:
            return _SCHEDULERS[key.removesuffix(ending)], schedule
    return None, ""


def is_usual_schedule(name: str) -> bool:
    """Tell whether a schedule's name means what samplers do by themselves."""
    return _squeezed(name) in _USUAL


def _squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9+]", "", name[:100].lower())
