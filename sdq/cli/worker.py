"""`sdq worker`: draw what is queued."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys

import click

from sdq.cli.options import log_to_stderr, open_ledger, safety_option, settings_options
from sdq_core.errors import (
    EXIT_OK,
    EXIT_SIGINT,
    EXIT_SIGTERM,
    EXIT_SOME_IMAGES_FAILED,
    InputMissingError,
    SdqError,
)
from sdq_core.settings import Settings
from sdq_core.values.variants import AnyVariant, Lane

log = logging.getLogger(__name__)


@click.command("worker")
@click.option(
    "--lanes",
    metavar="LANES",
    help="A worker for each VARIANT:UNIT, such as original:CPU_AND_GPU,split_einsum:CPU_AND_NE [one for all].",
)
@click.option("--lane", "lane_number", type=int, hidden=True)  # which of --lanes this process is
@click.option("--burst", is_flag=True, help="End when everything is drawn (for cron).")
@click.option(
    "--max-pinned",
    type=click.IntRange(1, 16),
    default=2,
    show_default=True,
    help="How many variants may stay in memory, in each lane.",
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
    "--threads",
    type=click.IntRange(1),
    help="Threads of the portable runtime, in each lane [one per core, divided among the lanes].",
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
def command(settings: Settings, lanes: str | None, lane_number: int | None, burst: bool, max_pinned: int,
            max_attempts: int, pipeline: str, threads: int | None, load_deadline: float, step_deadline: float,
            safety: str, metadata: bool, quiet: bool) -> int:  # fmt: skip
    """Draw what is queued, one image after the other, with the models pinned in memory.

    Ctrl-C or SIGTERM once: the image in hand is finished and saved, the rest stays queued. Twice: stop now. Nothing is
    lost either way. Several workers may run at once, on one or several machines.

    With --lanes, each lane is a process that draws its own variant and what was submitted with --variant any; one that
    dies is started again. What no lane draws stays queued for other workers.

    With --burst the exit code is 0 when all was drawn, 3 when some images failed, and the code of the reason when a
    variant could not be drawn here at all.
    """
    from db.dispatch import all_open_slices
    from db.values import Slice
    from producer.words import parse_lanes
    from sdq_core.queue.queues import Queues, connect
    from sdq_core.values.safety import Safety
    from worker.choosing.unusable import NotOfThisLaneError
    from worker.claims.loop import StopNow
    from worker.engine.handle import Deadlines
    from worker.lanes import supervisor_gone, threads_per_lane
    from worker.pipelines.choice import PipelineChoice
    from worker.service import WorkerOptions, run_worker

    all_lanes = parse_lanes(lanes) if lanes else ()
    if all_lanes and lane_number is None:
        return _run_lanes(settings, all_lanes, burst=burst, quiet=quiet)
    lane = all_lanes[lane_number] if lane_number is not None else None
    log_to_stderr(quiet=quiet, speaker=str(lane or ""))
    counts = {"done": 0, "failed": 0}

    def on_settled(slice_: Slice, seed: int, error: str | None) -> None:
        counts["failed" if error else "done"] += 1
        if not error:
            log.info("%s/%d seed %d", slice_.batch_name, slice_.entry, seed)

    with open_ledger(settings) as ledger:
        queues = Queues(connect(settings), ledger.id)

        unusable: dict[str, SdqError] = {}

        def drained() -> bool:
            return burst and not any(
                slice_.variant.key not in unusable and (lane is None or lane.draws(slice_.variant))
                for slice_ in all_open_slices(ledger, at_once=1000)
            )

        options = WorkerOptions(
            max_pinned=max_pinned,
            max_attempts=max_attempts,
            threads=threads or (threads_per_lane(len(all_lanes)) if lane else None),
            pipeline=PipelineChoice(pipeline),
            deadlines=Deadlines(load_s=load_deadline, step_s=step_deadline),
            with_metadata=metadata,
            safety=Safety(safety),
            lane=lane,
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
                abandoned=supervisor_gone() if lane else lambda: False,
            )
        except StopNow as stop:
            return EXIT_SIGINT if stop.signum == signal.SIGINT else EXIT_SIGTERM
        finally:
            log.info("%(done)d images drawn, %(failed)d given up.", counts)
    reasons = [cause for cause in unusable.values() if not isinstance(cause, NotOfThisLaneError)]
    if burst and reasons:
        return reasons[0].exit_code
    return EXIT_SOME_IMAGES_FAILED if burst and counts["failed"] else EXIT_OK


def _run_lanes(settings: Settings, lanes: tuple[Lane, ...], *, burst: bool, quiet: bool) -> int:
    """Watch a process for each lane, each with this one's own command line, and say what none of them draws."""
    from db.dispatch import all_open_slices
    from sdq_core.models import ModelStore
    from sdq_core.queue.queues import Queues, connect, redis_errors
    from worker.lanes import LaneSupervisor, undrawable

    log_to_stderr(quiet=quiet)
    store = ModelStore(settings.models)
    told: set[str] = set()
    with open_ledger(settings) as ledger:
        queues = Queues(connect(settings), ledger.id)

        def look() -> None:
            with contextlib.suppress(SdqError), redis_errors():
                known = ledger.variants.known()
                waiting = [known[key] for key in queues.waiting() if key in known]
                for variant in undrawable(lanes, store, waiting):
                    if variant.key not in told:
                        told.add(variant.key)
                        log.warning("Work for %s is waiting that no lane here draws.", variant)

        supervisor = LaneSupervisor(
            lanes,
            lambda number: [sys.executable, "-m", "sdq", *sys.argv[1:], "--lane", str(number)],
            burst=burst,
            look=look,
        )
        code = supervisor.run()
        if not burst or supervisor.stopping or code not in {EXIT_OK, EXIT_SOME_IMAGES_FAILED}:
            return code
        left = {slice_.variant for slice_ in all_open_slices(ledger)}
        for variant in undrawable(lanes, store, left):
            if isinstance(variant, AnyVariant):
                raise InputMissingError(
                    f"{variant}, is still queued: no lane has this model's packages. `sdq models pull` fetches them."
                )
    return code
