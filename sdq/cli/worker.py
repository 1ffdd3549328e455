"""`sdq worker`: draw queued images."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING

import click

from sdq.cli.limit_options import limit_options, worker_limit_options
from sdq.cli.memory_option import memory_option
from sdq.cli.options import (
    drawing_options,
    open_ledger,
    settings_options,
)
from sdq.cli.runtime_option import runtime_option
from sdq.cli.unit_options import unit_options
from sdq.data_folder import make_data_folder, require_data_folder
from sdq.submitting.options import value_of
from sdq_core.errors import (
    EXIT_OK,
    EXIT_SOME_IMAGES_FAILED,
    InputMissingError,
    SdqError,
)
from sdq_core.settings import Settings
from sdq_core.values.variants import AnyVariant, Placement

if TYPE_CHECKING:
    from sdq_core.queue.queues import Queues
    from sdq_core.values.part_units import UnitRules
    from worker.drawing.recycling import RecycleAfter
    from worker.duty.limits import Limits
    from worker.messenger import Sender

log = logging.getLogger(__name__)


def read_lanes(lanes: str | None) -> tuple[Placement, ...]:
    """Return the lanes of --lanes, none without; raise InputError for one that does not exist."""
    from producer.reading.words import parse_lanes

    with value_of("--lanes"):
        return parse_lanes(lanes) if lanes else ()


def read_recycling(recycle_engine: str | None) -> RecycleAfter | None:
    """Return when --recycle-engine replaces engines; raise UsageError for what is neither number nor size."""
    from worker.drawing.recycling import RecycleAfter

    return None if recycle_engine is None else RecycleAfter.parse(recycle_engine)


@click.command("worker")
@click.option(
    "--lanes",
    metavar="LANES",
    help="Run a worker for each VARIANT:UNIT, such as original:CPU_AND_GPU,split_einsum:CPU_AND_NE [one for all].",
)
@click.option("--lane", "lane_number", type=int, hidden=True)  # which of --lanes this process is
@click.option("--burst", is_flag=True, help="Exit when everything is drawn (for cron).")
@click.option(
    "--max-pinned",
    type=click.IntRange(1, 16),
    default=2,
    show_default=True,
    help="Most variants to keep in memory, per lane.",
)
@click.option(
    "--unload-after",
    type=click.FloatRange(0),
    metavar="S",
    help="End an engine that has had no work for S seconds [keep it].",
)
@click.option(
    "--recycle-engine",
    metavar="N|MB",
    help="Replace an engine after N images, or above a size in memory such as 4000MB, between two images [when it has "
    "grown by half and 512 MiB].",
)
@click.option(
    "--max-attempts",
    type=click.IntRange(1, 20),
    default=3,
    show_default=True,
    help="Attempts per image before it is marked failed.",
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
    help="Seconds an engine may take per step.",
)
@click.option(
    "--log-file",
    metavar="FILE",
    help="Log to FILE, and to FILE-LANE for each lane, instead of standard error; 5 MB, and the four before them.",
)
@click.option(
    "--preview",
    is_flag=True,
    help="Show on the page of `sdq web` what the image in hand is becoming.",
)
@worker_limit_options
@limit_options
@drawing_options(
    threads="Threads of the runtime on the CPU, per lane [one per core, divided among the lanes].",
    quiet="Report problems only.",
)
@settings_options
@memory_option
@runtime_option
@unit_options
def command(settings: Settings, lanes: str | None, lane_number: int | None, burst: bool, max_pinned: int,
            unload_after: float | None, recycle_engine: str | None, log_file: str | None,
            max_attempts: int, pipeline: str, threads: int | None, load_deadline: float, step_deadline: float,
            safety: str, metadata: bool, quiet: bool, preview: bool, limits: Limits,
            max_memory: int | None, rules: UnitRules) -> int:  # fmt: skip
    """Draw queued images one after the other, with the models pinned in memory.

    Press Ctrl-C (or send SIGTERM, or close the terminal) once to finish and save the current image and leave the rest
    queued, again to stop immediately. Nothing is lost either way. Several workers may run at once, on one or several
    machines.

    With --lanes, each lane is a process that draws its own variant and images submitted with --variant any. A lane that
    dies is restarted. Images that no lane draws stay queued for other workers.

    With --burst, the exit code is 0 if everything was drawn, 3 if some images failed, and that of the cause if a
    variant could not be drawn here at all.

    Hours and times are those of the local clock. At the end of --until, --max-images (per lane) or --max-minutes, the
    worker ends as it does at the first Ctrl-C, with exit code 0. Outside its --hours it holds no slice and no model.
    """
    from db.dispatch import all_open_slices
    from db.limits import WORKER
    from sdq.cli.live import worker_view
    from sdq.cli.log_file import begin_log, logging_the_end
    from sdq_core.queue.connection import connect_worker
    from sdq_core.queue.queues import Queues
    from sdq_core.values.safety import Safety
    from worker.choosing.unusable import NotOfThisLaneError, VariantPausedError
    from worker.claims.shift import StopNow
    from worker.engine.handle import Deadlines
    from worker.lanes import threads_per_lane
    from worker.pipelines.choice import PipelineChoice
    from worker.service import WorkerOptions, make_worker

    recycle_after = read_recycling(recycle_engine)
    all_lanes = read_lanes(lanes)
    lane = all_lanes[lane_number] if lane_number is not None else None
    file = begin_log(log_file, lane=lane, quiet=quiet)
    with logging_the_end(file):
        (make_data_folder if lane_number is None else require_data_folder)(settings)
        if all_lanes and lane is None:
            return _run_lanes(settings, all_lanes, burst=burst, quiet=quiet, limits=limits)
    with logging_the_end(file), contextlib.ExitStack() as stack:
        ledger = stack.enter_context(open_ledger(settings, WORKER))
        queues = Queues(connect_worker(settings), ledger.id)
        if settings.redis_url is not None:
            _warn_of_forgetting(queues)
        options = WorkerOptions(
            max_pinned=max_pinned,
            unload_after_s=unload_after,
            recycle_after=recycle_after,
            max_memory=max_memory // max(1, len(all_lanes)) if max_memory else None,
            max_attempts=max_attempts,
            threads=threads or (threads_per_lane(len(all_lanes)) if lane else None),
            pipeline=PipelineChoice(pipeline),
            deadlines=Deadlines(load_s=load_deadline, step_s=step_deadline),
            with_metadata=metadata,
            safety=Safety(safety),
            lane=lane,
            limits=limits,
            rules=rules,
            with_previews=preview,
        )
        view = stack.enter_context(worker_view(settings, ledger, quiet=quiet or lane is not None))
        worker = make_worker(
            settings,
            ledger,
            queues,
            options,
            sender=_sender(settings, lane_number),
            show=view.show_own if view else None,
        )
        tally = worker.tally

        reasons: list[SdqError] = []

        def drained() -> bool:
            """Say whether a burst is done, and note why it leaves something."""
            if not burst:
                return False
            unusable = worker.unusable
            left: set[str] = set()
            for slice_ in all_open_slices(ledger, at_once=1000):
                key = slice_.variant.key
                if key not in unusable and (lane is None or lane.draws(slice_.variant)):
                    return False
                left.add(key)
            # What a cancelled or paused batch lacks was not asked for. Slices of a paused variant are not open.
            reasons[:] = [
                cause
                for key, cause in unusable.items()
                if (key in left or isinstance(cause, VariantPausedError))
                and not isinstance(cause, NotOfThisLaneError)
            ]
            return True

        try:
            worker.work_until(drained)
        except StopNow as stop:
            return 128 + stop.signum
        finally:
            log.info("%d images drawn, %d failed.", tally.drawn, tally.failed)
    if reasons:
        return reasons[0].exit_code
    return EXIT_SOME_IMAGES_FAILED if burst and tally.failed else EXIT_OK


def _sender(settings: Settings, lane_number: int | None) -> Sender:
    """Return what sends notices, and warn of what it will not be able to do; once for all lanes."""
    from sdq.notices.problems import problems
    from sdq.notices.sender import sender

    for problem in () if lane_number else problems(settings):
        log.warning("%s", problem)
    return sender(settings)


def _warn_of_forgetting(queues: Queues) -> None:
    from sdq_core.queue.failures import redis_errors
    from sdq_core.queue.retention import what_it_forgets

    with redis_errors():
        for sentence in what_it_forgets(queues.connection):
            log.warning("%s", sentence)


def _run_lanes(
    settings: Settings, lanes: tuple[Placement, ...], *, burst: bool, quiet: bool, limits: Limits
) -> int:
    """Run and watch a process for each lane, with this one's own command line, and warn of what none of them draws."""
    from db.dispatch import all_open_slices
    from db.limits import WORKER
    from sdq.cli.live import worker_view
    from sdq.views.live.hands import Hands
    from sdq_core.models import ModelStore
    from sdq_core.queue.connection import connect_worker
    from sdq_core.queue.failures import redis_errors
    from sdq_core.queue.queues import Queues
    from worker.duty.duty import Duty
    from worker.lanes import LaneSupervisor, undrawable

    store = ModelStore(settings.models)
    told: set[str] = set()
    with open_ledger(settings, WORKER) as ledger:
        queues = Queues(connect_worker(settings), ledger.id)

        def look() -> None:
            with contextlib.suppress(SdqError), redis_errors():
                known = ledger.variants.known()
                keys = {queue.variant_key for queue in queues.waiting()}
                waiting = [known[key] for key in sorted(keys & known.keys())]
                for variant in undrawable(lanes, store, waiting):
                    if variant.key not in told:
                        told.add(variant.key)
                        log.warning("No lane here draws the queued images for %s.", variant)

        duty = Duty(limits)
        hands = Hands(lambda: queues)
        with worker_view(settings, ledger, quiet=quiet) as view:

            def show() -> None:
                if view:
                    view.show(hands.images())

            supervisor = LaneSupervisor(
                lanes,
                lambda number: [
                    sys.executable,
                    "-P",
                    "-m",
                    "sdq",
                    *sys.argv[1:],
                    "--lane",
                    str(number),
                ],
                burst=burst,
                look=look,
                end=lambda: duty.end(drawn=0),
                say=view.write if view else None,
                show=show,
            )
            code = supervisor.run()
        if not burst or supervisor.stopping or code not in {EXIT_OK, EXIT_SOME_IMAGES_FAILED}:
            return code
        left = {slice_.variant for slice_ in all_open_slices(ledger)}
        for variant in undrawable(lanes, store, left):
            if isinstance(variant, AnyVariant):
                raise InputMissingError(
                    f"Images for {variant}, are still queued: no lane has this model's packages. Download them with "
                    "`sdq models pull`."
                )
    return code
