"""`sdq worker`: draw what is queued."""

from __future__ import annotations

import logging
import signal

import click

from sdq.cli.options import log_to_stderr, open_ledger, safety_option, settings_options
from sdq.errors import EXIT_OK, EXIT_SIGINT, EXIT_SIGTERM, EXIT_SOME_IMAGES_FAILED, SdqError
from sdq.settings import Settings

log = logging.getLogger(__name__)


@click.command("worker")
@click.option("--burst", is_flag=True, help="End when everything is drawn (for cron).")
@click.option(
    "--max-pinned",
    type=click.IntRange(1, 16),
    default=2,
    show_default=True,
    help="How many variants may stay in memory.",
)
@click.option(
    "--max-attempts",
    type=click.IntRange(1, 20),
    default=3,
    show_default=True,
    help="How often an image is tried before it is given up.",
)
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
@click.option(
    "--load-deadline",
    type=click.FloatRange(1),
    default=1800,
    show_default=True,
    metavar="S",
    help="Seconds an engine may take to load.",
)
@click.option(
    "--step-deadline",
    type=click.FloatRange(1),
    default=300,
    show_default=True,
    metavar="S",
    help="Seconds an engine may take for a step.",
)
@safety_option
@click.option(
    "--metadata/--no-metadata", default=True, help="Write prompt and settings into the files."
)
@click.option("-q", "--quiet", is_flag=True, help="Say only what goes wrong.")
@settings_options
def command(settings: Settings, burst: bool, max_pinned: int, max_attempts: int, pipeline: str, threads: int | None,
            load_deadline: float, step_deadline: float, safety: str, metadata: bool, quiet: bool) -> int:  # fmt: skip
    """Draw what is queued, one image after the other, with the models pinned in memory.

    Ctrl-C or SIGTERM once: the image in hand is finished and saved, the rest stays queued. Twice: stop now. Nothing is
    lost either way. Several workers may run at once, on one or several machines.

    With --burst the exit code is 0 when all was drawn, 3 when some images failed, and the code of the reason when a
    variant could not be drawn here at all.
    """
    from db.values import Slice
    from sdq.queues import Queues, connect
    from worker.engine.handle import Deadlines
    from worker.flagged import Safety
    from worker.loop import StopNow
    from worker.pipelines.choice import PipelineChoice
    from worker.service import WorkerOptions, run_worker

    log_to_stderr(quiet=quiet)
    counts = {"done": 0, "failed": 0}

    def on_settled(piece: Slice, seed: int, error: str | None) -> None:
        counts["failed" if error else "done"] += 1
        if not error:
            log.info("%s/%d seed %d", piece.batch_name, piece.entry, seed)

    with open_ledger(settings) as ledger:
        queues = Queues(connect(settings), ledger.id)

        unusable: dict[str, SdqError] = {}

        def drained() -> bool:
            return burst and not any(
                piece.variant.key not in unusable for piece in ledger.open_slices(limit=1000)
            )

        options = WorkerOptions(
            max_pinned=max_pinned,
            max_attempts=max_attempts,
            threads=threads,
            pipeline=PipelineChoice(pipeline),
            deadlines=Deadlines(load_s=load_deadline, step_s=step_deadline),
            with_metadata=metadata,
            safety=Safety(safety),
        )
        try:
            run_worker(
                settings,
                ledger,
                queues,
                options,
                finished=drained,
                on_settled=on_settled,
                unusable=unusable,
            )
        except StopNow as stop:
            return EXIT_SIGINT if stop.signum == signal.SIGINT else EXIT_SIGTERM
        finally:
            log.info("%(done)d images drawn, %(failed)d given up.", counts)
    if burst and unusable:
        return next(iter(unusable.values())).exit_code
    return EXIT_SOME_IMAGES_FAILED if burst and counts["failed"] else EXIT_OK
