"""`sdq models set`: how a model is drawn where nothing else says."""

from __future__ import annotations

from producer.reading.checks import check_guidance_scale, check_steps
from producer.reading.words import parse_scheduler
from sdq.submitting.options import value_of
from sdq.submitting.request import model_name
from sdq_core.errors import UsageError
from sdq_core.models import ModelStore
from sdq_core.models.any_variant import complete_variants
from sdq_core.models.usual import Usual
from sdq_core.models.usual_file import set_usual, usual_set
from sdq_core.settings import Settings


def set_usually(
    settings: Settings,
    name: str,
    *,
    num_inference_steps: int | None,
    guidance_scale: float | None,
    scheduler: str | None,
    reset: bool,
) -> Usual:
    """Keep what is given for a model, beside what was set before, and return how it is now usually drawn.

    Raise UsageError if nothing is given, InputError for a bad value, InputMissingError for a model that is not here.
    """
    if not reset and (num_inference_steps, guidance_scale, scheduler) == (None, None, None):
        raise UsageError("Name what to set: --steps, --guidance-scale or --scheduler; or --reset.")
    name = model_name(name, settings.models)
    with value_of("--steps"):
        steps = None if num_inference_steps is None else check_steps(num_inference_steps)
    with value_of("--guidance-scale"):
        scale = None if guidance_scale is None else check_guidance_scale(guidance_scale)
    with value_of("--scheduler"):
        given = Usual(
            num_inference_steps=steps,
            guidance_scale=scale,
            scheduler=None if scheduler is None else parse_scheduler(scheduler),
        )
    store = ModelStore(settings.models)
    folder = next(iter(complete_variants(store, name).values()))
    before = None if reset else usual_set(settings.models, name)
    kept = Usual(**{**(before.settings() if before else {}), **given.settings()})
    set_usual(settings.models, name, kept or None)
    return store.usual_of(folder)
