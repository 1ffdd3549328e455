"""From the options of `sdq submit` and `sdq run` to a plan, and from the plan to ledger and queues."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from db.dispatch import dispatch, withdrawn
from db.ledger import Ledger
from db.values import JSON, BatchOptions, BatchPlan, Submission
from producer import (
    Defaults,
    PromptFormat,
    PromptLine,
    PromptSource,
    Remarks,
    describe_source,
    plan_batch,
    read_prompts,
)
from producer.planning.choice import Choice
from producer.planning.chooser import AUTO, Chooser
from producer.planning.collisions import check_paths
from producer.planning.grid import Grid
from producer.planning.measurements import Measurements
from producer.planning.preferences import (
    preferred_compute_unit,
    preferred_variants,
    problems,
)
from producer.reading.characters import unquoted
from producer.reading.fields import seeds_or_random
from producer.reading.words import parse_compute_unit, parse_scheduler, parse_variants
from sdq.cli.expansion import expanded, read_dynamic, read_grid, recorded
from sdq.cli.files import filing_for
from sdq.cli.options import value_of
from sdq.cli.submit_options import SubmitOptions
from sdq.views.words import counted
from sdq_core.errors import ConfigurationError, UsageError
from sdq_core.images.filing import Filing
from sdq_core.models import DEMO, ModelStore, resolver
from sdq_core.models.outdated import outdated_variants
from sdq_core.queue.connection import connect
from sdq_core.queue.queues import Queues
from sdq_core.settings import Preferences, Settings, whole_path
from sdq_core.values.dated import dated
from sdq_core.values.machine import this_machine
from sdq_core.values.names import one_spelling
from sdq_core.values.order import Priority
from sdq_core.values.variants import ANY, RecipeVariant


@dataclass(frozen=True, kw_only=True)
class Request:
    """A submission as requested: its prompts, the options for all of them, and where they came from.

    remarks: what reading them showed.
    preferences: for what the command leaves open.
    recorded: what their batch keeps beside the options for all of them.
    max_images: more are refused.
    options: as typed.
    """

    lines: Sequence[PromptLine]
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

    @property
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


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A submission before anything is stored.

    choices: what was decided where variant or compute unit is auto.
    outdated: variants at a revision that is no longer here; what the plan asks for anew takes their images' places.
    filing: how the batch's files are named and encoded.
    """

    plan: BatchPlan
    choices: list[Choice]
    outdated: Collection[RecipeVariant]
    filing: Filing

    def describe_choices(self) -> list[str]:
        """Return a sentence for each choice that needs one."""
        return [sentence for choice in self.choices if (sentence := choice.describe())]

    def describe_files(self, *, drawn: int) -> list[str]:
        """Return sentences about the files, if they are not the default; drawn: images drawn for other batches."""
        if self.filing.is_default:
            return []
        said = [f"Its files: {self.filing.describe()}."]
        if drawn:
            said.append(
                "The image that was drawn already stays the file that it is."
                if drawn == 1
                else f"The {drawn:,} images that were drawn already stay the files that they are."
            )
        return said


def model_name(given: str) -> str:
    """Return a model's name, or its path made absolute."""
    return str(whole_path(given)) if given != DEMO and "/" in given else one_spelling(given)


def checked_preferences(settings: Settings) -> Preferences:
    """Return the preferences; raise ConfigurationError for one that cannot be used."""
    for problem in problems(settings.preferences, settings.origins):
        raise ConfigurationError(problem)
    return settings.preferences


def read_defaults(options: SubmitOptions, preferences: Preferences) -> tuple[Defaults, Grid]:
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
    with value_of("options"):
        defaults = Defaults(
            model=model_name(options.model or preferences.model),
            variants=variants,
            compute_unit=compute_unit,
            num_inference_steps=single.get("num_inference_steps", preferences.steps),
            guidance_scale=single.get("guidance_scale", preferences.guidance_scale),
            scheduler=single.get("scheduler") or parse_scheduler(preferences.scheduler),
            negative_prompt=unquoted(
                preferences.negative_prompt
                if options.negative_prompt is None
                else options.negative_prompt
            ),
            seeds=range(1) if seeds is None else seeds,
            random_seeds=1 if seeds is None else options.random_seeds,
            batch_name=dated(options.batch, datetime.now(UTC)) if options.batch else options.batch,
            interleave=options.interleave,
            priority=Priority(options.priority) if options.priority else None,
            at_front=options.at_front,
        )
    return defaults, grid


def read_request(options: SubmitOptions, settings: Settings) -> Request:
    """Read the prompts and check the options on their own, without models and ledger."""
    preferences = checked_preferences(settings)
    if options.seeds and options.random_seeds:
        raise UsageError("Use --seed-range or --random-seeds, not both.")
    dynamic = read_dynamic(options)
    remarks = Remarks()
    lines: Sequence[PromptLine] = read_prompts(
        options.files,
        options.prompts,
        format=PromptFormat(options.prompt_format) if options.prompt_format else None,
        literal=options.literal,
        dynamic=dynamic is not None,
        remarks=remarks,
    )
    defaults, grid = read_defaults(options, preferences)
    source = describe_source(options.files, options.prompts)
    lines, max_images = expanded(
        lines, defaults, options, dynamic=dynamic, grid=grid, remarks=remarks
    )
    return Request(
        lines=lines,
        defaults=defaults,
        source=source,
        remarks=remarks,
        preferences=preferences,
        recorded=recorded(dynamic, grid),
        max_images=max_images,
        options=options,
    )


def plan_request(settings: Settings, request: Request, ledger: Ledger | None) -> Planned:
    """Check the request against the models; nothing is stored or queued yet.

    ledger: None if there is none, and so no measurements and no batches.
    """
    store = ModelStore(settings.models)
    source = request.source
    batch, name = None, request.defaults.batch_name or source.name
    if ledger:
        asked = request.defaults.batch_name, source.name, source.text
        batch = ledger.submissions.batch_options(*asked)
        name = ledger.submissions.batch_name(*asked)
    filing = filing_for(request.options, request.preferences, batch, name)
    defaults = request.defaults_for(batch)
    chooser = Chooser(
        Measurements(
            store,
            benchmarks=ledger.benchmarks.newest if ledger else lambda _: (),
            machine=this_machine,
        ),
        batch,
    )
    known = ledger.variants.known().values() if ledger else ()
    plan = plan_batch(
        request.lines,
        defaults,
        resolver(store, known),
        choose=chooser,
        source_name=source.name,
        source=source.text,
        remarks=request.remarks,
        max_images=request.max_images,
    )
    check_paths(
        plan.entries,
        filing,
        name,
        lambda: ledger.submissions.known_entries(name) if ledger and batch else (),
    )
    options = {**plan.options, **request.recorded, **filing.to_options()}
    plan = replace(plan, options=options)
    wanted = {entry.recipe.variant for entry in plan.entries}
    return Planned(
        plan=plan,
        choices=chooser.choices,
        outdated=outdated_variants(store, wanted, known),
        filing=filing,
    )


def submit_plan(
    settings: Settings,
    ledger: Ledger,
    plan: BatchPlan,
    *,
    outdated: Collection[RecipeVariant] = (),
) -> Submission:
    """Commit the plan, then queue it; a crash in between heals at the next submit or worker start.

    outdated: as in `Planned`.
    """
    # Connect before anything is stored: a submission without queues helps nobody.
    queues = Queues(connect(settings), ledger.id)
    with withdrawn(queues, ledger.submissions.replaceable(plan, outdated)) as instead_of:
        submission = ledger.submissions.add(plan, instead_of=instead_of)
    dispatch(ledger, queues, submission)
    return submission


def describe_submission(
    submission: Submission, request: Request | None = None, *, with_slices: bool = False
) -> str:
    """Return what a submission added, and how to get other images if it added none.

    request: what was submitted, None for images of the ledger.
    with_slices: say in how many slices.
    """
    name = submission.batch_name
    new, known, drawn = submission.images_new, submission.images_known, submission.images_drawn
    replaced = submission.images_replaced
    if not new and not drawn and not submission.images_failed:
        what = "the image was" if known == 1 else f"all {known:,} images were"
        taken_out = (
            f" {replaced:,} that could no longer be drawn were taken out." if replaced else ""
        )
        other_seeds = request.other_seeds() if request else ""
        return f"Batch {name}: nothing new; {what} submitted before.{taken_out}{other_seeds}"
    slices = f" in {counted(submission.slices_new, 'slice')}" if with_slices else ""
    parts = [f"{counted(new, 'image')} to draw{slices}"]
    if known:
        parts.append(f"{known:,} submitted before")
    if drawn:
        parts.append(f"{drawn:,} drawn already")
    if submission.images_failed:
        parts.append(f"{submission.images_failed:,} failed before")
    if replaced:
        parts.append(f"in place of {replaced:,} that could no longer be drawn")
    return f"Batch {name}: {', '.join(parts)}."


def _named(option: str | None) -> str | None:
    """Return what was named, None for auto."""
    return None if option is None or option.strip().lower() == AUTO else option
