"""`sdq models set`: how a model is drawn where nothing else says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from producer.reading.checks import check_guidance_scale, check_steps
from producer.reading.words import parse_scheduler
from sdq.submitting.options import value_of
from sdq.submitting.request import model_name
from sdq_core.errors import InputError, UsageError
from sdq_core.models import ModelStore, VariantFolder
from sdq_core.models.any_variant import complete_variants
from sdq_core.models.usual import Usual
from sdq_core.models.usual_file import scheduler_settings_set, set_usual, usual_set
from sdq_core.printable import quote
from sdq_core.settings import Settings
from sdq_core.values.scheduler_settings import TIMESTEPS
from sdq_core.values.steps import DISTILLED
from sdq_core.values.variants import Scheduler

_TIMESTEPS = re.compile(r"[0-9]{1,4}(?:,[0-9]{1,4}){0,49}")


def set_usually(
    settings: Settings,
    name: str,
    *,
    num_inference_steps: int | None,
    guidance_scale: float | None,
    scheduler: str | None,
    reset: bool,
    scheduler_settings: Mapping[str, str | None] | None = None,
) -> VariantFolder:
    """Keep what is given for a model, beside what was set before, and return it as it is now drawn.

    scheduler_settings: what stands in place of its scheduler file, by that file's keys; None for what is not given.

    Raise UsageError if nothing is given, InputError for a bad value, InputMissingError for a model that is not here.
    """
    given_settings = {
        key: value for key, value in (scheduler_settings or {}).items() if value is not None
    }
    given = (num_inference_steps, guidance_scale, scheduler)
    if not reset and given == (None, None, None) and not given_settings:
        raise UsageError(
            "Name what to set: --steps, --guidance-scale, --scheduler, --prediction-type, --timestep-spacing or "
            "--timesteps; or --reset."
        )
    name = model_name(name, settings.models)
    with value_of("--steps"):
        steps = None if num_inference_steps is None else check_steps(num_inference_steps)
    with value_of("--guidance-scale"):
        scale = None if guidance_scale is None else check_guidance_scale(guidance_scale)
    with value_of("--scheduler"):
        chosen = None if scheduler is None else parse_scheduler(scheduler)
    with value_of("--timesteps"):
        timesteps = _timesteps(given_settings.get(TIMESTEPS))
    store = ModelStore(settings.models)
    folder = next(iter(complete_variants(store, name).values()))
    if timesteps:
        steps, chosen = _with(timesteps, steps, chosen, folder.own_scheduler)
    usual = Usual(num_inference_steps=steps, guidance_scale=scale, scheduler=chosen)
    before = None if reset else usual_set(settings.models, name)
    kept = Usual(**{**(before.settings() if before else {}), **usual.settings()})
    kept_settings = {
        **({} if reset else scheduler_settings_set(settings.models, name)),
        **given_settings,
        **({TIMESTEPS: timesteps} if timesteps else {}),
    }
    set_usual(settings.models, name, kept if kept or kept_settings else None, kept_settings)
    folder = next(iter(complete_variants(store, name).values()))
    return replace(folder, usual=store.usual_of(folder))


def _timesteps(written: str | None) -> list[int]:
    if written is None:
        return []
    plain = written.replace(" ", "")
    steps = list(map(int, plain.split(","))) if _TIMESTEPS.fullmatch(plain) else []
    if not steps or steps[0] > 999 or steps != sorted(set(steps), reverse=True):
        raise InputError(
            f"{quote(written)} does not list falling numbers below 1000, such as 999,749,499,249"
        )
    return steps


def _with(
    timesteps: list[int], steps: int | None, chosen: Scheduler | None, own: Scheduler | None
) -> tuple[int, Scheduler]:
    """Return the steps and the scheduler that go with timesteps; raise UsageError for others."""
    if steps not in {None, len(timesteps)}:
        raise UsageError(
            f"--timesteps has {len(timesteps)}, and --steps {steps}. Leave --steps out."
        )
    if chosen is None:
        chosen = own if own in DISTILLED else Scheduler.LCM
    if chosen not in DISTILLED:
        raise UsageError(
            f"--timesteps are for LCM and TCD, not for {chosen}. Leave --scheduler out."
        )
    return len(timesteps), chosen
