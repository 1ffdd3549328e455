"""`sdq run`: submit, draw and show progress."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from sdq.cli.limit_options import limit_options
from sdq.cli.memory_option import memory_option
from sdq.cli.notice_options import notice_options
from sdq.cli.options import (
    drawing_options,
    existing_ledger,
    log_to_stderr,
    open_ledger,
    settings_options,
)
from sdq.cli.runtime_option import runtime_option
from sdq.cli.submit_options import submission_options
from sdq.cli.unit_options import unit_options
from sdq.data_folder import make_data_folder
from sdq.submitting.options import SubmitOptions
from sdq_core.errors import EXIT_OK, EXIT_SOME_IMAGES_FAILED, SdqError
from sdq_core.settings import Settings
from sdq_core.values.receivers import Receivers

if TYPE_CHECKING:
    from db.ledger import Ledger
    from db.values import BatchStatus
    from sdq_core.values.part_units import UnitRules
    from worker.duty.limits import Limits
    from worker.loop import Worker


@click.command("run")
@submission_options
@limit_options
@drawing_options(
    threads="Threads of the runtime on the CPU [one per core].",
    quiet="Print nothing unless something goes wrong.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@settings_options
@memory_option
@runtime_option
@unit_options
@notice_options
def command(
    settings: Settings,
    max_memory: int | None,
    rules: UnitRules,
    receivers: Receivers,
    options: SubmitOptions,
    pipeline: str,
    threads: int | None,
    safety: str,
    metadata: bool,
    quiet: bool,
    as_json: bool,
    limits: Limits,
) -> int:
    """Submit a batch, draw it and show progress, in one command.

    This command draws its batch and no other, whatever else waits, and ends with it. Workers that run meanwhile help:
    for them, the batch goes before all others of its priority, unless --priority is given without --at-front.

    Ctrl-C stops after the current image; run the same command again to continue.
    """
    from db.limits import WORKER
    from db.values import BatchState
    from sdq.cli.live import worker_view
    from sdq.notices.problems import problems
    from sdq.notices.sender import sender
    from sdq.submitting.outlook import outlook, try_out
    from sdq.submitting.planned import plan_request
    from sdq.submitting.request import read_request
    from sdq.submitting.submission import submit_plan
    from sdq.views.progress import PlainProgress
    from sdq_core.queue.connection import connect_worker
    from sdq_core.queue.queues import Queues
    from sdq_core.values.safety import Safety
    from worker.claims.shift import StopNow
    from worker.pipelines.choice import PipelineChoice
    from worker.service import WorkerOptions, make_worker

    # Progress is shown otherwise; why the work rests or ends is not.
    log_to_stderr(quiet=quiet, only=("worker.claims.shift", "worker.duty.duty"))
    if options.priority is None:
        options = replace(options, at_front=True)
    request = read_request(options, settings)
    with contextlib.ExitStack() as stack:
        existing = stack.enter_context(existing_ledger(settings))
        planned = plan_request(settings, request, existing)
        if options.strict:
            try_out(settings, request, planned, existing).require_space()
        make_data_folder(settings)
        ledger = existing or stack.enter_context(open_ledger(settings))
        plan = replace(planned.plan, receivers=receivers)
        submission = submit_plan(settings, ledger, plan, outdated=planned.outdated)
        if not quiet:
            stored = outlook(settings, request, planned, submission, ledger)
            for line in stored.lines(with_place=False):  # here nothing else is drawn
                click.echo(line, err=True)
            for sentence in problems(settings):
                click.echo(sentence, err=True)

        ledger = stack.enter_context(open_ledger(settings, WORKER))
        batch_id = submission.batch_id
        with worker_view(settings, ledger, quiet=quiet, batch_id=batch_id) as view:
            plain = None if quiet or view else PlainProgress(ledger, batch_id, _say)
            worker = make_worker(
                settings,
                ledger,
                Queues(connect_worker(settings), ledger.id),
                WorkerOptions(
                    threads=threads,
                    with_metadata=metadata,
                    safety=Safety(safety),
                    pipeline=PipelineChoice(pipeline),
                    batch_id=submission.batch_id,
                    limits=limits,
                    max_memory=max_memory,
                    rules=rules,
                ),
                onlooker=plain,
                sender=sender(settings),
                show=view.show_own if view else None,
            )

            causes: list[SdqError] = []

            def finished() -> bool:
                status = ledger.batches.find(submission.batch_id)
                if status is None or status.completed_at or status.state is not BatchState.ACTIVE:
                    return True
                found = _hindrances(ledger, worker, submission.batch_id)
                causes[:] = found or ()
                return found is not None

            try:
                worker.work_until(finished)
            except StopNow as stop:
                return 128 + stop.signum
        if causes:
            raise causes[0]
        return _tell(
            ledger,
            batch_id,
            settings.outputs / planned.filing.folder(submission.batch_name),
            as_json=as_json,
            quiet=quiet,
        )


def _tell(ledger: Ledger, batch_id: int, folder: Path, *, as_json: bool, quiet: bool) -> int:
    """Print what became of the batch; return the exit code."""
    from sdq.views.batch_object import batch_object
    from sdq.views.status import describe_cut

    status = ledger.batches.find(batch_id)
    if as_json:
        document = batch_object(ledger, status, folder=str(folder)) if status else {}
        click.echo(json.dumps(document))
    elif status and (status.failed or not quiet):
        click.echo(_summary(status, folder))
    if not quiet and (cut := ledger.batches.cut_prompts(batch_id)):
        click.echo(describe_cut(cut), err=True)
    return EXIT_SOME_IMAGES_FAILED if status and status.failed else EXIT_OK


def _say(line: str) -> None:
    click.echo(line, err=True)


def _summary(status: BatchStatus, folder: Path) -> str:
    from sdq.views.words import counted

    failed, waiting = status.failed, status.total - status.completed - status.failed
    return (
        f"{counted(status.completed, 'image')} in {folder}"
        + (f", {failed:,} failed (sdq status {quote(status.name)})" if failed else "")
        + (f", {waiting:,} still queued" if waiting else "")
        + "."
    )


def _hindrances(ledger: Ledger, worker: Worker, batch_id: int) -> list[SdqError] | None:
    """Return why the rest of a batch cannot be drawn here; None while some of it can."""
    from sdq_core.values.variants import Variant
    from worker.choosing.unusable import VariantPausedError

    open_variants = ledger.batches.open_variants(batch_id)
    causes = dict(worker.unusable)
    for variant, reason in open_variants.items():
        if reason is not None and isinstance(variant, Variant):
            causes.setdefault(variant.key, VariantPausedError(variant, reason))
    if any(variant.key not in causes for variant in open_variants):
        return None
    return [causes[variant.key] for variant in open_variants]
