"""`sdq run`: submit, draw and show progress."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from sdq.cli.data_folder import make_data_folder
from sdq.cli.limit_options import limit_options
from sdq.cli.options import (
    drawing_options,
    existing_ledger,
    log_to_stderr,
    open_ledger,
    settings_options,
)
from sdq.cli.submit_options import SubmitOptions, submission_options
from sdq_core.errors import EXIT_OK, EXIT_SOME_IMAGES_FAILED, SdqError
from sdq_core.settings import Settings

if TYPE_CHECKING:
    from db.ledger import Ledger
    from db.values import BatchStatus
    from worker.duty.limits import Limits
    from worker.loop import Worker


@click.command("run")
@submission_options
@limit_options
@drawing_options(
    threads="Threads of the portable runtime [one per core].", quiet="Show no progress."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@settings_options
def command(
    settings: Settings,
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

    Ctrl-C stops after the current image; run the same command again to continue.
    """
    from db.limits import WORKER
    from db.values import BatchState
    from sdq.cli.submission import describe_submission, plan_request, read_request, submit_plan
    from sdq.views.progress import BatchProgress
    from sdq.views.status import describe_cut, status_as_dict
    from sdq_core.queue.connection import connect_worker
    from sdq_core.queue.queues import Queues
    from sdq_core.values.safety import Safety
    from worker.claims.shift import StopNow
    from worker.pipelines.choice import PipelineChoice
    from worker.service import WorkerOptions, make_worker

    log_to_stderr(quiet=True)
    request = read_request(options, settings)
    with contextlib.ExitStack() as stack:
        existing = stack.enter_context(existing_ledger(settings))
        planned = plan_request(settings, request, existing)
        make_data_folder(settings)
        ledger = existing or stack.enter_context(open_ledger(settings))
        submission = submit_plan(
            settings, ledger, planned.plan, outdated=planned.outdated, at_front=True
        )
        if not quiet:
            said = [*request.remarks.describe(), *planned.describe_choices()]
            said += planned.describe_files(drawn=submission.images_drawn)
            for sentence in (describe_submission(submission, request), *said):
                click.echo(sentence, err=True)

        ledger = stack.enter_context(open_ledger(settings, WORKER))
        with BatchProgress(ledger, submission.batch_id, quiet=quiet) as progress:
            worker = make_worker(
                settings,
                ledger,
                Queues(connect_worker(settings), ledger.id),
                WorkerOptions(
                    threads=threads,
                    with_metadata=metadata,
                    safety=Safety(safety),
                    pipeline=PipelineChoice(pipeline),
                    limits=limits,
                ),
                onlooker=progress,
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
        status = ledger.batches.find(submission.batch_id)
        folder = settings.outputs / planned.filing.folder(submission.batch_name)
        if as_json:
            document = status_as_dict(status) if status else {}
            click.echo(json.dumps({**document, "folder": str(folder)}))
        elif status:
            click.echo(_summary(status, folder))
        if not quiet and (cut := ledger.batches.cut_prompts(submission.batch_id)):
            click.echo(describe_cut(cut), err=True)
        return EXIT_SOME_IMAGES_FAILED if status and status.failed else EXIT_OK


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
