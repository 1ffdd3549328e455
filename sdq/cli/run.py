"""`sdq run`: submit, draw and show progress."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import click

from sdq.cli.data_folder import make_data_folder
from sdq.cli.options import (
    drawing_options,
    existing_ledger,
    log_to_stderr,
    open_ledger,
    settings_options,
)
from sdq.cli.submit_options import SubmitOptions, submission_options
from sdq_core.errors import EXIT_OK, EXIT_SOME_IMAGES_FAILED
from sdq_core.settings import Settings


@click.command("run")
@submission_options
@drawing_options(
    threads="Threads of the portable runtime [one per core].", quiet="Show no progress."
)
@settings_options
def command(
    settings: Settings,
    options: SubmitOptions,
    pipeline: str,
    threads: int | None,
    safety: str,
    metadata: bool,
    quiet: bool,
) -> int:
    """Submit a batch, draw it and show progress, in one command.

    The batch goes before all others of its priority, unless --priority is given without --at-front.

    Ctrl-C stops after the current image; run the same command again to continue.
    """
    from db.limits import WORKER
    from sdq.cli.submission import describe_submission, plan_request, read_request, submit_plan
    from sdq.views.progress import BatchProgress
    from sdq.views.status import describe_cut
    from sdq_core.queue.connection import connect_worker
    from sdq_core.queue.queues import Queues
    from sdq_core.values.safety import Safety
    from worker.claims.shift import StopNow
    from worker.pipelines.choice import PipelineChoice
    from worker.service import WorkerOptions, make_worker

    log_to_stderr(quiet=True)
    if options.priority is None:
        options = replace(options, at_front=True)
    request = read_request(options)
    with contextlib.ExitStack() as stack:
        existing = stack.enter_context(existing_ledger(settings))
        planned = plan_request(settings, request, existing)
        make_data_folder(settings)
        ledger = existing or stack.enter_context(open_ledger(settings))
        submission = submit_plan(settings, ledger, planned.plan)
        if not quiet:
            said = [*request.remarks.describe(), *planned.describe_choices()]
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
                ),
                onlooker=progress,
            )

            def finished() -> bool:
                status = ledger.batches.find(submission.batch_id)
                return bool(worker.unusable) or status is None or status.completed_at is not None

            try:
                worker.work_until(finished)
            except StopNow as stop:
                return 128 + stop.signum
        if worker.unusable:
            raise next(iter(worker.unusable.values()))
        status = ledger.batches.find(submission.batch_id)
        done = status.completed if status else 0
        failed = status.failed if status else 0
        open_images = status.total - done - failed if status else 0
        click.echo(
            f"{done:,} {'image' if done == 1 else 'images'} in {settings.outputs / submission.batch_name}"
            + (f", {failed:,} failed (sdq status {submission.batch_name})" if failed else "")
            + (f", {open_images:,} still queued" if open_images else "")
            + "."
        )
        if not quiet and (cut := ledger.batches.cut_prompts(submission.batch_id)):
            click.echo(describe_cut(cut), err=True)
        return EXIT_SOME_IMAGES_FAILED if failed else EXIT_OK
