"""What is asked for, read and checked on its own: without models and without the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from db.values import JSON, BatchOptions
from producer import (
    Defaults,
    PromptFormat,
    PromptLine,
    PromptSource,
    Remarks,
    describe_source,
    read_prompts,
)
from producer.planning.chooser import AUTO
from producer.planning.grid import Grid
from producer.planning.line_seeds import repeatable
from producer.planning.preferences import preferred_compute_unit, preferred_variants, problems
from producer.reading.characters import unquoted
from producer.reading.checks import check_picture
from producer.reading.fields import parse_meta, seeds_or_random
from producer.reading.files import MAX_PROMPTS
from producer.reading.places import place_of
from producer.reading.words import (
    parse_compute_unit,
    parse_rng,
    parse_scheduler,
    parse_variants,
)
from sdq.submitting.expansion import expanded, read_dynamic, read_grid, recorded
from sdq.submitting.options import SubmitOptions, value_of
from sdq.submitting.pictures import left_out, refuse_as_prompts
from sdq_core.errors import ConfigurationError, UsageError
from sdq_core.models import ModelStore
from sdq_core.settings import Preferences, Settings, whole_path
from sdq_core.values.dated import dated
from sdq_core.values.names import one_spelling
from sdq_core.values.order import Priority
from sdq_core.values.pixels import parse_crop, parse_size
from sdq_core.values.recipes import DEFAULT_STRENGTH
from sdq_core.values.variants import ANY

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A submission as requested: its prompts, the options for all of them, and where they came from.

    remarks: what reading them showed.
    preferences: for what the command leaves open.
    recorded: what their batch keeps beside the options for all of them.
    max_images: more are refused.
    options: as typed.
    """

    lines: list[PromptLine]
    defaults: Defaults
    source: PromptSource
    remarks: Remarks
    preferences: Preferences
    recorded: Mapping[str, JSON]
    max_images: int
    options: SubmitOptions

    def defaults_for(self, batch: BatchOptions | None) -> Defaults:
        """Return the defaults with the preferred variant and compute unit where the command names none.

        batch: an existing one, whose own variant goes before any preference: its images would be drawn again.
        """
        if batch is not None:
            return self.defaults
        variants, unit = self.defaults.variants, self.defaults.compute_unit
        if variants is None:
            preferred = preferred_variants(self.preferences)
            clash = unit is not None and preferred is not None and ANY in preferred
            variants = None if clash else preferred
        if unit is None and not (variants and ANY in variants):
            unit = preferred_compute_unit(self.preferences)
        return replace(self.defaults, variants=variants, compute_unit=unit)

    def take_lines(self) -> Iterator[PromptLine]:
        """Yield the lines, once, and let go of each when it is planned: 100,000 of them take 60 MB."""
        assert self.lines, "a request is planned once"
        _ = self.has_default_seed
        self.lines.reverse()
        while self.lines:
            yield self.lines.pop()

    @cached_property
    def has_default_seed(self) -> bool:
        """Whether some prompt got its seed because nothing names one."""
        return (
            self.defaults.random_seeds is None
            and self.defaults.seeds == range(1)
            and any(line.seeds is None and line.random_seeds is None for line in self.lines)
        )

    def other_seeds(self) -> str:
        """Return how to get another image of a prompt without a seed, behind a sentence; empty if all have seeds."""
        if not self.has_default_seed:
            return ""
        return " Without a seed it is 0: for other images, add --seed 1 or --random-seeds 1."


def model_name(given: str, models: Path) -> str:
    """Return a model's name, or its path made absolute. models: the folder of models that have names."""
    if "/" in given:
        return str(whole_path(given))
    return ModelStore(models).whole_name(one_spelling(given))


def checked_preferences(settings: Settings) -> Preferences:
    """Return the preferences; raise ConfigurationError for one that cannot be used."""
    for problem in problems(settings.preferences, settings.origins):
        raise ConfigurationError(problem)
    return settings.preferences


def read_defaults(
    options: SubmitOptions, preferences: Preferences, models: Path
) -> tuple[Defaults, Grid]:
    """Check the options that hold for all lines, on their own; return them, and the grid of several values."""
    variant, unit = _named(options.variant), _named(options.compute_unit)
    with value_of("--variant"):
        variants = None if variant is None else parse_variants(variant)
    if variants and ANY in variants and unit is not None:
        raise UsageError(
            "--variant any leaves the compute unit to the worker: leave --compute-unit out, or name a variant."
        )
    with value_of("--compute-unit"):
        compute_unit = None if unit is None else parse_compute_unit(unit)
    single, grid = read_grid(options)
    with value_of("--seed-range"):
        seeds = seeds_or_random(options.seeds) if options.seeds else range(1)
    defaults = Defaults(
        model=model_name(options.model or preferences.model, models),
        variants=variants,
        compute_unit=compute_unit,
        num_inference_steps=single.get("num_inference_steps", preferences.steps),
        guidance_scale=single.get("guidance_scale", preferences.guidance_scale),
        scheduler=single.get("scheduler") or parse_scheduler(preferences.scheduler),
        rng=single.get("rng") or parse_rng(preferences.rng),
        eta=single.get("eta", 0.0),
        weighted=options.weighted,
        negative_prompt=unquoted(
            preferences.negative_prompt
            if options.negative_prompt is None
            else options.negative_prompt
        ),
        seeds=range(1) if seeds is None else seeds,
        random_seeds=1 if seeds is None else options.random_seeds,
        init_image=single.get("init_image"),
        strength=single.get("strength", DEFAULT_STRENGTH),
        controlnets=single.get("controlnets", ()),
        mask=_read("--mask", _mask, options.mask),
        original_size=_read("--original-size", parse_size, options.original_size),
        crop=_read("--crop", parse_crop, options.crop),
        batch_name=dated(options.batch, datetime.now(UTC)) if options.batch else options.batch,
        interleave=options.interleave,
        priority=Priority(options.priority) if options.priority else None,
        at_front=options.at_front,
        named=frozenset(single),
    )
    return defaults, grid


def read_request(
    options: SubmitOptions,
    settings: Settings,
    *,
    seed_key: str | None = None,
    most_prompts: int = MAX_PROMPTS,
) -> Request:
    """Read the prompts and check the options on their own, without models and ledger.

    seed_key: chooses the random seeds of lines, always the same ones; None for others each time.
    most_prompts: no more are read; what is made of them may be more.
    """
    preferences = checked_preferences(settings)
    if options.seeds and options.random_seeds:
        raise UsageError("Use --seed-range or --random-seeds, not both.")
    refuse_as_prompts(options.files, options.init_images)
    dynamic = read_dynamic(options)
    remarks = Remarks()
    lines: Sequence[PromptLine] = read_prompts(
        options.files,
        options.prompts,
        objects=options.objects,
        format=PromptFormat(options.prompt_format) if options.prompt_format else None,
        literal=options.literal,
        dynamic=dynamic is not None,
        weighted=options.weighted,
        remarks=remarks,
        most=most_prompts,
    )
    if seed_key is not None:
        lines = repeatable(lines, seed_key)
    defaults, grid = read_defaults(options, preferences, settings.models)
    if options.meta:
        with value_of("meta"):
            meta = parse_meta(options.meta)
        lines = [replace(line, meta={**meta, **line.meta}) for line in lines]
    _refuse_unused(options, lines)
    remarks.hints += left_out(options.init_images)
    source = describe_source(options.files, options.prompts or options.objects or ())
    lines, max_images = expanded(
        lines, defaults, options, dynamic=dynamic, grid=grid, remarks=remarks
    )
    return Request(
        lines=list(lines),
        defaults=defaults,
        source=source,
        remarks=remarks,
        preferences=preferences,
        recorded=recorded(options, dynamic, grid),
        max_images=max_images,
        options=options,
    )


def _read(option: str, parse: Callable[[str], _T], value: str | None) -> _T | None:
    if value is None:
        return None
    with value_of(option):
        return parse(value)


def _mask(named: str) -> str:
    return place_of(check_picture(named), Path())


def _refuse_unused(options: SubmitOptions, lines: Sequence[PromptLine]) -> None:
    """Raise UsageError for options about a picture if there is none."""
    if options.init_images or any(line.init_image for line in lines):
        return
    for option, value in (("--strength", options.strength), ("--mask", options.mask)):
        if value is not None:
            raise UsageError(f"{option} is about a picture. Add --init-image, or leave it out.")


def _named(option: str | None) -> str | None:
    """Return what was named, None for auto."""
    return None if option is None or option.strip().lower() == AUTO else option
