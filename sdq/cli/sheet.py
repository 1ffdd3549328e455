"""`sdq sheet`: a batch's images on one contact sheet."""

from __future__ import annotations

from pathlib import Path

import click

from sdq.cli.batch import batch_argument, existing_batch
from sdq.cli.options import settings_options
from sdq.cli.outcome import Outcome, outcome_options
from sdq_core.errors import InputMissingError
from sdq_core.settings import Settings


@click.command("sheet")
@batch_argument()
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--thumb",
    type=click.IntRange(16, 2048),
    default=128,
    show_default=True,
    help="Size of each image in pixels.",
)
@click.option(
    "--columns",
    type=click.IntRange(1, 100),
    default=8,
    show_default=True,
    help="Show at most this many seeds.",
)
@click.option(
    "--rows",
    type=click.IntRange(1, 1000),
    default=40,
    show_default=True,
    help="Show at most this many prompts.",
)
@outcome_options
@settings_options
def command(
    settings: Settings,
    batch: str,
    out: Path,
    thumb: int,
    columns: int,
    rows: int,
    outcome: Outcome,
) -> None:
    """Make a contact sheet of a batch's finished images: prompts down, seeds across."""
    from sdq_core.images.root import OutputRoot
    from sdq_core.images.sheet import contact_sheet

    lines: dict[int, tuple[str, list[Path]]] = {}
    with existing_batch(settings, batch) as (ledger, status):
        for image in ledger.batches.images(status.id):
            if image.entry not in lines and len(lines) == rows:
                break
            _, paths = lines.setdefault(image.entry, (image.recipe.prompt, []))
            if len(paths) < columns:
                paths.append(settings.outputs / image.image.path)
        if lines:
            OutputRoot(settings.outputs, home=settings.home, ledger_id=ledger.id).require()
    if not lines:
        raise InputMissingError(
            f"Batch {status.name!r} has no finished images yet. Start `sdq worker`."
        )
    contact_sheet(list(lines.values()), out, thumb, max_across=columns)
    outcome.say(str(out))
    outcome.tell(
        file=str(out), prompts=len(lines), images=sum(len(paths) for _, paths in lines.values())
    )
