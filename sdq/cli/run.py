"""`sdq run`: submit, draw and show progress."""

from __future__ import annotations

import signal
from typing import Any

import click

from sdq.cli.options import (
    log_to_stderr,
    open_ledger,
    safety_option,
    settings_options,
    submission_options,
)
from sdq_core.errors import EXIT_OK, EXIT_SIGINT, EXIT_SIGTERM, EXIT_SOME_IMAGES_FAILED, SdqError
from sdq_core.settings import Settings


@click.command("run")
@submission_options
@click.option(
    "--pipeline",
    type=click.Choice(["auto", "builtin", "apple"]),
    default="auto",
    show_default=True,
    help="What draws; auto is Apple's own pipeline on a Mac where it is installed.",
)
@click.option(
    "--threads", type=click.IntRange(1), help="Threads of the portable runtime [one per core]."
)
@safety_option
@click.option(
    "--metadata/--no-metadata", default=True, help="Write prompt and settings into the files."
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@settings_options
def command(
    settings: Settings,
    pipeline: str,
    threads: int | None,
    safety: str,
    metadata: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Submit, draw and show progress until the batch is done, in one command.

    Ctrl-C stops after the image in hand; the same command again goes on where it stopped.
    """
    from sdq.cli.submission import describe_submission, plan_from_options, submit_plan
    from sdq.views.progress import BatchProgress
    from sdq_core.values.safety import Safety
    from worker.claims.loop import StopNow
    from worker.pipelines.choice import PipelineChoice
    from worker.service import WorkerOptions, run_worker

    log_to_stderr(quiet=True)
    planned = plan_from_options(settings, options)
    with open_ledger(settings) as ledger:
        submission, queues = submit_plan(settings, ledger, planned.plan, at_front=True)
        if not quiet:
            for sentence in (describe_submission(submission), *planned.describe_choices()):
                click.echo(sentence, err=True)
        unusable: dict[str, SdqError] = {}

        def finished() -> bool:
            status = ledger.batches.find(submission.batch_id)
            return bool(unusable) or status is None or status.completed_at is not None

        with BatchProgress(ledger, submission.batch_id, quiet=quiet) as progress:
            try:
                run_worker(
                    settings,
                    ledger,
                    queues,
                    WorkerOptions(
                        threads=threads,
                        with_metadata=metadata,
                        safety=Safety(safety),
                        pipeline=PipelineChoice(pipeline),
                    ),
                    finished=finished,
                    on_settled=progress.on_settled,
                    unusable=unusable,
                )
            except StopNow as stop:
                return EXIT_SIGINT if stop.signum == signal.SIGINT else EXIT_SIGTERM
        if unusable:
            raise next(iter(unusable.values()))
        status = ledger.batches.find(submission.batch_id)
        done = status.completed if status else 0
        failed = status.failed if status else 0
        open_images = status.total - done - failed if status else 0
        click.echo(
            f"{done:,} images in {settings.outputs / submission.batch_name}"
            + (f", {failed:,} failed (sdq status {submission.batch_name})" if failed else "")
            + (f", {open_images:,} still queued" if open_images else "")
            + "."
        )
        return EXIT_SOME_IMAGES_FAILED if failed else EXIT_OK
