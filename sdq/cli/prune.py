"""`sdq prune`: free disk space."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from sdq.cli.batch import named_batch
from sdq.cli.candidates import batch_names
from sdq.cli.options import existing_ledger, open_ledger, settings_options
from sdq.cli.outcome import Outcome, outcome_options
from sdq.cli.question import confirm
from sdq_core.errors import EXIT_FAILURE, EXIT_OK, StorageError, UsageError
from sdq_core.settings import Settings

if TYPE_CHECKING:
    from db.ledger import Ledger
    from db.values import BatchStatus
    from sdq_core.images.root import OutputRoot


@click.command("prune")
@click.argument("batches", nargs=-1, metavar="[BATCH]...", shell_complete=batch_names)
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="Remove all batches that finished more than DAYS ago.",
)
@click.option(
    "--keep-files", is_flag=True, help="Remove the batches from the ledger but keep their files."
)
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be removed; remove nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@outcome_options
@settings_options
def command(
    settings: Settings,
    batches: tuple[str, ...],
    older_than: float | None,
    keep_files: bool,
    dry_run: bool,
    yes: bool,
    outcome: Outcome,
) -> int:
    """Remove batches from the ledger with their image files, and leftover files.

    Only finished and cancelled batches are removed. Images that another batch asks for stay, and so does every file
    that sdq did not write. With --yes, BATCH has to be a whole name or an id.

    Leftover files are always removed, and without BATCH or --older-than nothing else is: temporary files of killed
    workers that are older than an hour, pictures that no image is drawn from any more, and models prepared for this
    machine but not loaded for 30 days.
    """
    from sdq.upkeep import prune
    from sdq.views.words import counted, size
    from sdq_core.images.root import OutputRoot
    from sdq_core.images.store import sweep_temporary_files
    from sdq_core.inputs.store import InputStore, remove_unneeded
    from sdq_core.queue.connection import connect
    from sdq_core.queue.queues import Queues

    unused = list(prune.unused_cache(settings.cache))
    freed = 0
    with contextlib.ExitStack() as stack:
        existing = stack.enter_context(existing_ledger(settings))
        chosen = _chosen(existing, batches, older_than, whole=yes)
        kept = "" if keep_files else ", and their files unless another batch asks for them"
        for status in chosen:
            prune.refuse_unfinished(status)
        if not (outcome.quiet and yes):
            for status in chosen:
                images = counted(status.completed, "image")
                click.echo(f"batch {status.name}: {images}{kept}", err=True)
            for folder in unused:
                click.echo(f"unused for 30 days: {folder}", err=True)
        if dry_run:
            outcome.tell(
                batches=[{"name": s.name, "images": s.completed} for s in chosen],
                unused=[str(folder) for folder in unused],
            )
            return EXIT_OK
        ledger = existing or stack.enter_context(open_ledger(settings))
        root = OutputRoot(settings.outputs, home=settings.home, ledger_id=ledger.id)
        if any(status.completed for status in chosen) and not keep_files:
            _require_files(root)
        if chosen and not yes and not confirm("Remove permanently?", option="--yes"):
            outcome.say("Nothing was removed.")
            return EXIT_FAILURE
        removed = []
        if chosen:
            queues = Queues(connect(settings), ledger.id)
        for status in chosen:
            gone = prune.forget_batch(ledger, queues, root, status, keep_files=keep_files)
            freed += gone.size_bytes
            removed.append({"name": status.name, "images": gone.images, "files": gone.files})
            outcome.say(
                f"Batch {status.name} is removed: "
                f"{counted(gone.images, 'image')}, {counted(gone.files, 'file')}."
            )
        inputs = InputStore(settings.inputs)
        others = inputs.others(ledger.id)
        needed = frozenset(ledger.upkeep.inputs())
        unneeded = [] if others else list(remove_unneeded(inputs, needed))
    if others:
        outcome.say(
            f"Pictures stay, because another ledger may need them, too. If it is gone, delete {others[0]}."
        )
    if unneeded:
        freed += sum(size_bytes for _, size_bytes in unneeded)
        outcome.say(f"{counted(len(unneeded), 'picture')} that no image is drawn from removed.")
    temporary = sweep_temporary_files(settings.outputs) + sweep_temporary_files(settings.inputs)
    if temporary:
        outcome.say(f"{counted(temporary, 'temporary file')} of killed workers removed.")
    freed += sum(prune.remove_folder(folder) for folder in unused)
    outcome.say(f"{size(freed)} freed." if freed or temporary else "Nothing to clean up.")
    outcome.tell(
        batches=removed, temporary_files=temporary, inputs=len(unneeded), freed_bytes=freed
    )
    return EXIT_OK


def _require_files(root: OutputRoot) -> None:
    """Raise StorageError if the output folder is absent: removed rows would leave their files behind."""
    try:
        root.require()
    except StorageError as error:
        raise StorageError(
            f"{error} To remove only what the ledger has, pass --keep-files."
        ) from error


def _chosen(
    ledger: Ledger | None, batches: tuple[str, ...], older_than: float | None, *, whole: bool
) -> list[BatchStatus]:
    """Return the batches to remove. ledger: None if there is none.

    whole: names have to be whole. A script that runs again must not remove the next batch that begins like the last.
    """
    from datetime import UTC, datetime, timedelta

    if batches and older_than is not None:
        raise UsageError("Name batches or pass --older-than DAYS, not both.")
    if older_than is not None:
        before = datetime.now(UTC) - timedelta(days=older_than)
        statuses = ledger.batches.statuses() if ledger else []
        return [s for s in statuses if s.completed_at and s.completed_at < before]
    found = [named_batch(ledger, name, whole=whole) for name in batches]
    return list({status.id: status for status in found}.values())
