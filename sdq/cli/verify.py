"""`sdq verify`: is everything there that should be?"""

from __future__ import annotations

from shlex import quote

import click

from sdq.cli.options import open_ledger, settings_options
from sdq_core.errors import EXIT_FAILURE, EXIT_OK
from sdq_core.settings import Settings

_SHOWN = 20


@click.command("verify")
@click.argument("batch", required=False)
@click.option(
    "--repair",
    is_flag=True,
    help="Draw missing and damaged images again, queue what no queue holds, correct counts.",
)
@click.option("--quick", is_flag=True, help="Compare file sizes only; do not read every file.")
@settings_options
def command(settings: Settings, batch: str | None, repair: bool, quick: bool) -> int:
    """Compare ledger, files and queues, for one batch or for all.

    Every row must have its file with a matching sha256, every file its row, and every unfinished slice its place in a
    queue. The exit code is 0 if all is well or was repaired, 1 otherwise. Files that are not in the ledger are listed
    and never removed.
    """
    from rich.console import Console
    from rich.progress import Progress

    from sdq.upkeep import verify as checks
    from sdq.views.words import counted
    from sdq_core.images.root import OutputRoot
    from sdq_core.queue.connection import connect
    from sdq_core.queue.queues import Queues
    from worker.claims.presence import dead_workers

    with open_ledger(settings) as ledger:
        queues = Queues(connect(settings), ledger.id)
        root = OutputRoot(settings.outputs, home=settings.home, ledger_id=ledger.id)
        statuses = ledger.batches.statuses() if batch is None else [ledger.batches.find(batch)]
        total = sum(status.completed for status in statuses if status)
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("Reading files", total=total)
            findings = checks.verify(
                ledger,
                queues,
                root,
                batch=batch,
                dead=dead_workers(settings.home / "workers"),
                read_files=not quick,
                on_image=lambda: bar.advance(task),
            )
        _list("missing", [found.image.path for found in findings.missing])
        _list("damaged", [found.image.path for found in findings.damaged])
        _list("not in the ledger", findings.strays)
        _list("second copy", findings.spares)
        _list("left by a killed process", findings.temporary)
        _list("in no queue", [f"slice {slice_id}" for slice_id in findings.unqueued])
        _list("closed too early", [f"slice {slice_id}" for slice_id in findings.unfit])
        _list("counted wrongly", [f"batch {name}" for name in findings.miscounted])
        if findings.clean:
            have = "has its file" if findings.images == 1 else "have their files"
            click.echo(f"All is well: {counted(findings.images, 'image')} {have}.")
            return EXIT_OK
        if not repair:
            click.echo(
                f"To repair, run `sdq verify --repair{f' {quote(batch)}' if batch else ''}`."
            )
            return EXIT_FAILURE
        again = checks.repair(ledger, queues, root, findings)
        click.echo(f"Repaired; {counted(again, 'image')} will be drawn again.")
        if findings.strays:
            click.echo("Files that are not in the ledger were left alone; move them elsewhere.")
            return EXIT_FAILURE
        return EXIT_OK


def _list(what: str, found: list[str]) -> None:
    for name in found[:_SHOWN]:
        click.echo(f"{what}: {name}")
    if len(found) > _SHOWN:
        click.echo(f"{what}: {len(found) - _SHOWN:,} more")
