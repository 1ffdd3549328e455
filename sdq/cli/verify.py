"""`sdq verify`: is everything there that should be?"""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

import click

from sdq.cli.batch import batch_argument, named_batch
from sdq.cli.options import open_ledger, settings_options
from sdq.cli.outcome import Outcome, outcome_options
from sdq_core.errors import EXIT_FAILURE, EXIT_OK
from sdq_core.settings import Settings

_SHOWN = 20


@click.command("verify")
@batch_argument(required=False)
@click.option(
    "--repair",
    is_flag=True,
    help="Draw missing and damaged images again, queue what no queue holds, correct counts.",
)
@click.option("--quick", is_flag=True, help="Compare file sizes only; do not read every file.")
@outcome_options
@settings_options
def command(
    settings: Settings, batch: str | None, repair: bool, quick: bool, outcome: Outcome
) -> int:
    """Compare ledger, files and queues, for one batch or for all.

    Every row must have its file with a matching sha256, every file its row, every unfinished slice its place in a
    queue, and every picture that images are drawn from must be there, unchanged. The exit code is 0 if all is well or
    was repaired, 1 otherwise. Files that are not in the ledger are listed and never removed.
    """
    from rich.console import Console
    from rich.progress import Progress

    from sdq.upkeep import verify as checks
    from sdq.views.words import counted
    from sdq_core.images.root import OutputRoot
    from sdq_core.inputs.store import InputStore
    from sdq_core.queue.connection import connect
    from sdq_core.queue.queues import Queues
    from worker.claims.presence import dead_workers

    with open_ledger(settings) as ledger:
        queues = Queues(connect(settings), ledger.id)
        root = OutputRoot(settings.outputs, home=settings.home, ledger_id=ledger.id)
        one = named_batch(ledger, batch) if batch else None
        statuses = [one] if one else ledger.batches.statuses()
        total = sum(status.completed for status in statuses)
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("Reading files", total=total)
            findings = checks.verify(
                ledger,
                queues,
                root,
                inputs=InputStore(settings.inputs),
                batch=one.name if one else None,
                dead=dead_workers(settings.home / "workers"),
                read_files=not quick,
                on_images=lambda count: bar.advance(task, count),
            )
        found = {
            "missing": [file.path for file in findings.missing],
            "damaged": [file.path for file in findings.damaged],
            "not in the ledger": findings.strays,
            "second copy": findings.spares,
            "left by a killed process": findings.temporary,
            "in no queue": [f"slice {slice_id}" for slice_id in findings.unqueued],
            "closed too early": [f"slice {slice_id}" for slice_id in findings.unfit],
            "counted wrongly": [f"batch {name}" for name in findings.miscounted],
            "picture missing": [f"sha256 {sha256}" for sha256 in findings.inputs_missing],
            "picture changed": findings.inputs_changed,
        }
        for what, names in found.items():
            for line in _lines(what, names):
                outcome.say(line)
        again = None
        if findings.clean:
            have = "has its file" if findings.images == 1 else "have their files"
            outcome.say(f"All is well: {counted(findings.images, 'image')} {have}.")
        elif repair:
            again = checks.repair(ledger, queues, root, findings)
            if findings.repairable:
                outcome.say(f"Repaired; {counted(again, 'image')} will be drawn again.")
        elif findings.repairable:
            outcome.say(
                f"To repair, run `sdq verify --repair{f' {quote(one.name)}' if one else ''}`."
            )
        if findings.inputs_lost:
            outcome.say(
                "Pictures that images are drawn from cannot be made again: submit them again, or copy them from "
                "another data folder's inputs."
            )
        if findings.strays:
            outcome.say("Files that are not in the ledger are left alone; move them elsewhere.")
        outcome.tell(
            well=findings.clean,
            images=findings.images,
            repaired=again is not None,
            images_again=again or 0,
            **{what.replace(" ", "_"): names for what, names in found.items()},
        )
        mended = again is not None and not findings.strays and not findings.inputs_lost
        return EXIT_OK if findings.clean or mended else EXIT_FAILURE


def _lines(what: str, names: list[str]) -> Iterator[str]:
    yield from (f"{what}: {name}" for name in names[:_SHOWN])
    if len(names) > _SHOWN:
        yield f"{what}: {len(names) - _SHOWN:,} more"
