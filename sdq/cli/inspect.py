"""`sdq inspect`: what the pictures are like."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from sdq.cli.batch import named_batch
from sdq.cli.candidates import batch_names
from sdq.cli.options import existing_ledger, settings_options
from sdq.cli.outcome import Outcome, outcome_options
from sdq_core.errors import EXIT_FAILURE, EXIT_OK, ConfigurationError
from sdq_core.settings import Settings

if TYPE_CHECKING:
    from sdq.upkeep.inspection import Findings

_SHOWN = 20


@click.command("inspect")
@click.argument("batches", nargs=-1, metavar="[BATCH]...", shell_complete=batch_names)
@click.option("--again", is_flag=True, help="Measure anew what is measured already.")
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Read N files at once [as many as the machine has cores].",
)
@outcome_options
@settings_options
def command(
    settings: Settings, batches: tuple[str, ...], again: bool, threads: int | None, outcome: Outcome
) -> int:
    """Measure the finished images of these batches, or of all, and find those that look alike.

    Each image gets its perceptual hash, brightness, contrast, sharpness, and whether it has one colour only, unless a
    worker measured it when it was drawn. Then all these images are compared. Those whose hashes differ in at most 6 of
    64 bits look alike: the one that was tried first is kept, and the others name it as near_duplicate_of.

    An interrupted inspection is resumed by the next. A worker that draws on this machine goes first. The exit code is 1
    if a file is missing or is not as it was recorded.
    """
    try:
        from sdq.upkeep import inspection
    except ImportError as error:
        from worker.runtimes.installing import how_to_install

        raise ConfigurationError(
            f"Measuring needs {error.name}, which is not installed: {how_to_install()}."
        ) from error
    from rich.console import Console
    from rich.progress import Progress

    from sdq_core.images.root import OutputRoot

    with existing_ledger(settings) as ledger:
        named = [named_batch(ledger, name) for name in batches]
        scopes: list[int | None] = [*dict.fromkeys(status.id for status in named)] or [None]
        findings, seconds = inspection.Findings(), 0.0
        if ledger is not None:
            root = OutputRoot(settings.outputs, home=settings.home, ledger_id=ledger.id)
            if again:
                root.look()  # before anything is forgotten that could not be measured again
                for scope in scopes:
                    ledger.measures.forget(scope)
            console = Console(stderr=True)
            with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
                task = bar.add_task("Measuring images", total=None)
                began = time.monotonic()
                findings = inspection.inspect(
                    ledger,
                    root,
                    scopes,
                    threads=threads or os.cpu_count() or 1,
                    on_start=lambda total: bar.update(task, total=total),
                    on_image=lambda: bar.advance(task),
                )
                seconds = time.monotonic() - began
    for line in _lines(findings, seconds):
        outcome.say(line)
    outcome.tell(
        images_measured=findings.measured,
        seconds=round(seconds, 3),
        images_inspected=findings.inspected,
        near_duplicates=findings.near_duplicates,
        constant=findings.constant,
        **findings.unfit,
    )
    return EXIT_OK if findings.clean else EXIT_FAILURE


def _lines(findings: Findings, seconds: float) -> Iterator[str]:
    from sdq.views.words import counted

    rate = f", {findings.measured / seconds:,.0f} a second" if findings.measured else ""
    yield f"{counted(findings.measured, 'image')} measured{rate}."
    for why, paths in findings.unfit.items():
        yield from (f"{why}: {path}" for path in paths[:_SHOWN])
        if len(paths) > _SHOWN:
            yield f"{why}: {len(paths) - _SHOWN:,} more"
    if not findings.clean:
        yield "To draw missing and changed images again, run `sdq verify --repair`."
    alike = counted(findings.near_duplicates, "near-duplicate")
    constant = counted(findings.constant, "image of one colour", "images of one colour")
    yield f"{alike} and {constant} among {counted(findings.inspected, 'image')}."
