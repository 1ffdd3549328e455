"""`sdq bench`: find the fastest variant for this machine."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from sdq.cli.candidates import model_names
from sdq.cli.options import log_to_stderr, open_ledger, settings_options
from sdq.cli.runtime_option import RUNTIME_OPTION, runtime_option
from sdq.data_folder import make_data_folder
from sdq_core.errors import EXIT_FAILURE, EXIT_OK, ConfigurationError, SdqError
from sdq_core.settings import Settings
from sdq_core.values.runtimes import RuntimeChoice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from db.ledger import Ledger
    from sdq_core.models import ModelStore
    from sdq_core.values.part_times import PartTime
    from sdq_core.values.variants import ComputeUnit, Placement
    from worker.bench.measure import Task
    from worker.runtimes.contract import Runtime


@click.command("bench")
@click.argument("model", required=False, metavar="[MODEL]", shell_complete=model_names)
@click.option("--quick", is_flag=True, help="Draw one image of 4 steps each instead of 3 of 20.")
@click.option(
    "--budget",
    type=click.FloatRange(0, min_open=True),
    metavar="MINUTES",
    help="Start no measurement after this many minutes [no limit].",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@settings_options
@runtime_option
def command(
    settings: Settings,
    model: str | None,
    quick: bool,
    budget: float | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Measure every variant of MODEL, or of every model, on every compute unit of this machine.

    Each is loaded twice, the first time with nothing prepared, in engines like the worker's, and draws the same images.
    The fastest whose images match those of original on ALL is remembered for this chip and system build; new batches
    use it unless --variant or --compute-unit is given. Where compute units differ, its text encoder, VAE decoder and
    safety checker are measured on each, too. Where several runtimes are installed, the others are measured after the
    one that draws, for comparison; with --runtime, that one alone. Stop any worker first: it would be measured too.
    """
    from db.values import Benchmark
    from sdq.submitting.request import model_name
    from sdq.views.bench import bench_as_dict, bench_lines
    from sdq.views.words import duration
    from sdq_core.models import ModelStore
    from sdq_core.values.machine import this_machine

    drawing, *others = _runtimes(settings)
    from worker.bench.run import QUICK, THOROUGH, bench_model

    log_to_stderr(quiet=True)
    store = ModelStore(settings.models)
    task = QUICK if quick else THOROUGH
    machine = this_machine()
    units = drawing.distinct_units

    def say(text: str, *, nl: bool = True) -> None:
        if not quiet:
            click.echo(text, err=True, nl=nl)

    begun: float | None = None

    def time_is_up() -> bool:
        """Say whether the budget is spent, counted from the first measurement: that one is always made."""
        nonlocal begun
        if begun is None:
            begun = time.monotonic()
            return False
        return budget is not None and time.monotonic() - begun >= budget * 60

    def begin(variant: str) -> None:
        say(f"{name}: {variant} ... ", nl=False)

    def show(row: Benchmark) -> None:
        say("failed" if row.image_ms is None else f"{duration(row.image_ms / 1000)} an image")

    say(f"{machine.chip}, {machine.os}.")
    if len(units) == 1:
        say(
            f"{drawing.name} computes on one processor whatever the compute unit: each variant is measured once, as "
            f"{units[0]}."
        )
    found = []
    make_data_folder(settings)
    with open_ledger(settings) as ledger:
        for name in [model_name(model, settings.models)] if model else _models_here(store):
            bench = bench_model(
                store,
                name,
                units,
                task,
                cache=settings.cache,
                time_is_up=time_is_up,
                on_begin=begin,
                on_row=show,
                runtime=settings.runtime,
                others={RuntimeChoice(other.name): other.distinct_units for other in others},
            )
            ledger.benchmarks.record(bench.measured)
            winner = _chosen_from_now_on(ledger, store, name)
            parts = _parts_of(winner, store, name, units, task, settings, time_is_up, say)
            found.append((bench, winner, parts))
            if not as_json:
                lines = bench_lines(
                    bench.measured,
                    reference=bench.reference,
                    left_out=bench.left_out,
                    winner=winner,
                    parts=parts,
                )
                heading = f"{name}, {task.images} x {task.num_inference_steps} steps"
                click.echo("\n".join([*([""] if len(found) > 1 else ()), heading, *lines]))
    if as_json:
        document = {
            "machine": asdict(machine),
            "num_inference_steps": task.num_inference_steps,
            "images": task.images,
            "models": [
                bench_as_dict(
                    bench.model,
                    bench.measured,
                    reference=bench.reference,
                    left_out=bench.left_out,
                    winner=winner,
                    parts=parts,
                )
                for bench, winner, parts in found
            ],
        }
        click.echo(json.dumps(document, indent=2))
    return (
        EXIT_OK
        if any(row.error is None for bench, _, _ in found for row in bench.measured)
        else EXIT_FAILURE
    )


def _runtimes(settings: Settings) -> list[Runtime]:
    """Return what to measure with, first what draws here; raise ConfigurationError if that is not installed."""
    from worker.runtimes.installing import how_to_install

    try:
        import worker.bench.run  # noqa: F401 - needs a library of its own
        from worker.runtimes.choice import choose_runtime, runtimes_here
    except ImportError as error:
        raise ConfigurationError(
            f"Measuring needs a runtime, which is not completely installed ({error}): {how_to_install()}."
        ) from error
    if settings.origins["runtime"] == RUNTIME_OPTION:
        return [choose_runtime(cache=settings.cache, threads=None, choice=settings.runtime)]
    return list(runtimes_here(settings.runtime).values())


def _chosen_from_now_on(ledger: Ledger, store: ModelStore, model: str) -> Placement | None:
    """Return what draws new batches of a model, by everything measured here so far; None without measurements."""
    from producer.planning.choice import Because
    from producer.planning.measurements import Measurements
    from sdq_core.values.machine import this_machine
    from sdq_core.values.variants import OpenPlacement

    measurements = Measurements(store, benchmarks=ledger.benchmarks.newest, machine=this_machine)
    choice = measurements.choose(model, OpenPlacement())
    return choice.placement if choice.because is Because.MEASURED else None


def _parts_of(
    winner: Placement | None,
    store: ModelStore,
    model: str,
    units: Sequence[ComputeUnit],
    task: Task,
    settings: Settings,
    time_is_up: Callable[[], bool],
    say: Callable[[str], None],
) -> list[PartTime]:
    """Measure the parts of the model that draws new batches, where compute units differ."""
    from worker.bench.parts import measure_parts

    if winner is None or len(units) < 2 or time_is_up():
        return []
    try:
        return measure_parts(
            store.find(model, winner.attention_implementation),
            winner.compute_unit,
            units,
            task,
            cache=settings.cache,
            runtime=settings.runtime,
            time_is_up=time_is_up,
            on_begin=lambda what: say(f"{model}: {what}"),
        )
    except SdqError as error:
        say(f"{model}: its parts were not measured: {error}")
        return []


def _models_here(store: ModelStore) -> list[str]:
    return [name for name in store.names() if store.attention_implementations(name)]
