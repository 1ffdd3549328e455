"""From the options of `sdq submit` and `sdq run` to a plan, and from the plan to ledger and queues."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from db.dispatch import dispatch
from db.ledger import Ledger
from db.values import BatchPlan, Submission
from producer import Defaults, PromptFormat, describe_source, plan_batch, read_prompts
from producer.auto import AUTO, AutoChoice, Choice
from producer.words import parse_compute_unit, parse_scheduler, parse_variants
from sdq_core.errors import UsageError
from sdq_core.models import DEMO, ModelStore, resolver
from sdq_core.queue.queues import Queues, connect
from sdq_core.settings import Settings
from sdq_core.values.machine import this_machine
from sdq_core.values.recipes import (
    DEFAULT_GUIDANCE_SCALE,
    DEFAULT_NUM_INFERENCE_STEPS,
    DEFAULT_SCHEDULER,
)
from sdq_core.values.seeds import parse_seeds
from sdq_core.values.variants import ANY


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A submission before anything is stored. choices: what was decided where variant or compute unit is auto."""

    plan: BatchPlan
    choices: list[Choice]

    def describe_choices(self) -> list[str]:
        """Say what a measurement decided."""
        return [sentence for choice in self.choices if (sentence := choice.describe())]


def model_name(given: str) -> str:
    """Give a model's name, or its path as every folder understands it."""
    return str(Path(given).expanduser().absolute()) if given != DEMO and "/" in given else given


def plan_from_options(settings: Settings, options: dict[str, Any]) -> Planned:
    """Read and check everything that was asked for; nothing is stored or queued yet."""
    if options["seeds"] and options["random_seeds"]:
        raise UsageError("--seed-range and --random-seeds exclude each other: use one of them.")
    lines = read_prompts(
        options["files"],
        options["prompts"],
        format=PromptFormat(options["prompt_format"]) if options["prompt_format"] else None,
        literal=options["literal"],
        stdin=sys.stdin.buffer,
    )

    def said(name: str, default: Any) -> Any:
        return default if options[name] is None else options[name]

    def is_auto(name: str) -> bool:
        return str(said(name, AUTO)).strip().lower() == AUTO

    variants = None if is_auto("variant") else parse_variants(options["variant"])
    if variants and ANY in variants and not is_auto("compute_unit"):
        raise UsageError(
            "--variant any leaves the compute unit to the worker: leave --compute-unit out, or name a variant."
        )
    defaults = Defaults(
        model=model_name(options["model"] or DEMO),
        variants=variants,
        compute_unit=None
        if is_auto("compute_unit")
        else parse_compute_unit(options["compute_unit"]),
        num_inference_steps=said("num_inference_steps", DEFAULT_NUM_INFERENCE_STEPS),
        guidance_scale=said("guidance_scale", DEFAULT_GUIDANCE_SCALE),
        scheduler=parse_scheduler(said("scheduler", DEFAULT_SCHEDULER)),
        negative_prompt=said("negative_prompt", ""),
        seeds=parse_seeds(options["seeds"]) if options["seeds"] else range(1),
        random_seeds=options["random_seeds"],
        batch_name=options["batch"],
    )
    source = describe_source(options["files"], options["prompts"])
    store = ModelStore(settings.models)
    find = cache(store.find)
    with contextlib.ExitStack() as stack:
        # What is refused must leave nothing behind, so no ledger is made for the sake of asking it.
        there = Ledger.may_exist(settings.database_url)
        ledger = stack.enter_context(Ledger.open(settings.database_url)) if there else None
        batch = (defaults.batch_name, source.name, source.text)
        auto = AutoChoice(
            find=find,
            here=store.attention_implementations,
            measured=ledger.benchmarks.newest if ledger else lambda _: (),
            machine=this_machine,
            batch=ledger.submissions.batch_options(*batch) if ledger else None,
        )
        plan = plan_batch(
            lines,
            defaults,
            resolver(store, find),
            choose=auto,
            source_name=source.name,
            source=source.text,
        )
    return Planned(plan=replace(plan, chosen=auto.to_keep()), choices=auto.choices)


def submit_plan(
    settings: Settings, ledger: Ledger, plan: BatchPlan, *, at_front: bool = False
) -> tuple[Submission, Queues]:
    """Commit the plan, then queue it; a crash in between heals at the next submit or worker start."""
    connection = connect(
        settings
    )  # before anything is stored: a submission without queues helps nobody
    queues = Queues(connection, ledger.id)
    submission = ledger.submissions.add(plan)
    dispatch(queues, submission.slices, at_front=at_front)
    return submission, queues


def describe_submission(submission: Submission) -> str:
    """Say in one sentence what a submission added."""
    name = submission.batch_name
    new, known, drawn = submission.images_new, submission.images_known, submission.images_drawn
    if not new and not drawn and not submission.images_failed:
        return f"Batch {name}: nothing new; all {known:,} images were submitted before."
    parts = [f"{new:,} {'image' if new == 1 else 'images'} to draw"]
    if known:
        parts.append(f"{known:,} submitted before")
    if drawn:
        parts.append(f"{drawn:,} drawn already")
    if submission.images_failed:
        parts.append(f"{submission.images_failed:,} given up before")
    return f"Batch {name}: {', '.join(parts)}."
