"""From the options of `sdq submit` and `sdq run` to a plan, and from the plan to ledger and queues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from db.dispatch import dispatch
from db.ledger import Ledger
from db.values import BatchPlan, Submission
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
from producer.planning.measurements import Measurements
from producer.reading.characters import unquoted
from producer.reading.fields import seeds_or_random
from producer.reading.words import parse_compute_unit, parse_scheduler, parse_variants
from sdq.cli.options import value_of
from sdq.cli.submit_options import SubmitOptions
from sdq_core.errors import UsageError
from sdq_core.models import DEMO, ModelStore, resolver
from sdq_core.queue.connection import connect
from sdq_core.queue.queues import Queues
from sdq_core.settings import Settings, whole_path
from sdq_core.values.machine import this_machine
from sdq_core.values.names import one_spelling
from sdq_core.values.order import Priority
from sdq_core.values.recipes import (
    DEFAULT_GUIDANCE_SCALE,
    DEFAULT_NUM_INFERENCE_STEPS,
    DEFAULT_SCHEDULER,
)
from sdq_core.values.variants import ANY

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A submission as requested: its prompts, the options for all of them, and where they came from.

    remarks: what reading them showed.
    """

    lines: Sequence[PromptLine]
    defaults: Defaults
    source: PromptSource
    remarks: Remarks

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
    """A submission before anything is stored; choices: what was decided where variant or compute unit is auto."""

    plan: BatchPlan
    choices: list[Choice]

    def describe_choices(self) -> list[str]:
        """Return a sentence for each choice that needs one."""
        return [sentence for choice in self.choices if (sentence := choice.describe())]


def model_name(given: str) -> str:
    """Return a model's name, or its path made absolute."""
    return str(whole_path(given)) if given != DEMO and "/" in given else one_spelling(given)


def read_request(options: SubmitOptions) -> Request:
    """Read the prompts and check the options on their own, without models and ledger."""
    if options.seeds and options.random_seeds:
        raise UsageError("Use --seed-range or --random-seeds, not both.")
    remarks = Remarks()
    lines = read_prompts(
        options.files,
        options.prompts,
        format=PromptFormat(options.prompt_format) if options.prompt_format else None,
        literal=options.literal,
        remarks=remarks,
    )
    variant, unit = _named(options.variant), _named(options.compute_unit)
    with value_of("--variant"):
        variants = None if variant is None else parse_variants(variant)
    if variants and ANY in variants and unit is not None:
        raise UsageError(
            "--variant any leaves the compute unit to the worker: leave --compute-unit out, or name a variant."
        )
    with value_of("--compute-unit"):
        compute_unit = None if unit is None else parse_compute_unit(unit)
    with value_of("--scheduler"):
        scheduler = parse_scheduler(_or(options.scheduler, DEFAULT_SCHEDULER))
    with value_of("--seed-range"):
        seeds = seeds_or_random(options.seeds) if options.seeds else range(1)
    with value_of("options"):
        defaults = Defaults(
            model=model_name(options.model or DEMO),
            variants=variants,
            compute_unit=compute_unit,
            num_inference_steps=_or(options.num_inference_steps, DEFAULT_NUM_INFERENCE_STEPS),
            guidance_scale=_or(options.guidance_scale, DEFAULT_GUIDANCE_SCALE),
            scheduler=scheduler,
            negative_prompt=unquoted(options.negative_prompt or ""),
            seeds=range(1) if seeds is None else seeds,
            random_seeds=1 if seeds is None else options.random_seeds,
            batch_name=options.batch,
            interleave=options.interleave,
            priority=Priority(options.priority) if options.priority else None,
            at_front=options.at_front,
        )
    source = describe_source(options.files, options.prompts)
    return Request(lines=lines, defaults=defaults, source=source, remarks=remarks)


def plan_request(settings: Settings, request: Request, ledger: Ledger | None) -> Planned:
    """Check the request against the models; nothing is stored or queued yet.

    ledger: None if there is none, and so no measurements and no batches.
    """
    store = ModelStore(settings.models)
    defaults, source = request.defaults, request.source
    chooser = Chooser(
        Measurements(
            store,
            benchmarks=ledger.benchmarks.newest if ledger else lambda _: (),
            machine=this_machine,
        ),
        ledger.submissions.batch_options(defaults.batch_name, source.name, source.text)
        if ledger
        else None,
    )
    plan = plan_batch(
        request.lines,
        defaults,
        resolver(store),
        choose=chooser,
        source_name=source.name,
        source=source.text,
        remarks=request.remarks,
    )
    return Planned(plan=plan, choices=chooser.choices)


def submit_plan(settings: Settings, ledger: Ledger, plan: BatchPlan) -> Submission:
    """Commit the plan, then queue it; a crash in between heals at the next submit or worker start."""
    # Connect before anything is stored: a submission without queues helps nobody.
    queues = Queues(connect(settings), ledger.id)
    submission = ledger.submissions.add(plan)
    dispatch(ledger, queues, submission)
    return submission


def describe_submission(submission: Submission, request: Request | None = None) -> str:
    """Return what a submission added, and how to get other images if it added none.

    request: what was submitted, None for images of the ledger.
    """
    name = submission.batch_name
    new, known, drawn = submission.images_new, submission.images_known, submission.images_drawn
    if not new and not drawn and not submission.images_failed:
        what = "the image was" if known == 1 else f"all {known:,} images were"
        return f"Batch {name}: nothing new; {what} submitted before." + (
            request.other_seeds() if request else ""
        )
    parts = [f"{new:,} {'image' if new == 1 else 'images'} to draw"]
    if known:
        parts.append(f"{known:,} submitted before")
    if drawn:
        parts.append(f"{drawn:,} drawn already")
    if submission.images_failed:
        parts.append(f"{submission.images_failed:,} failed before")
    return f"Batch {name}: {', '.join(parts)}."


def _named(option: str | None) -> str | None:
    """Return what was named, None for auto."""
    return None if option is None or option.strip().lower() == AUTO else option


def _or(option: T | None, default: T) -> T:
    return default if option is None else option
