"""`sdq cancel`: cancel a batch."""

from __future__ import annotations

import click

from sdq.cli.options import open_ledger, settings_options
from sdq_core.errors import InputMissingError
from sdq_core.settings import Settings


@click.command("cancel")
@click.argument("batch")
@settings_options
def command(settings: Settings, batch: str) -> None:
    """Cancel a batch. The current image is finished, and finished images stay.

    To continue where it stopped, submit the same prompts again or use `sdq resume`.
    """
    from db.values import BatchState

    with open_ledger(settings) as ledger:
        ledger.batches.set_state(batch, BatchState.CANCELLED)
        status = ledger.batches.find(batch)
        if status is None:  # by `sdq prune`, since the line above
            raise InputMissingError(f"Batch {batch!r} was removed while it was being cancelled.")
        left = status.total - status.completed - status.failed
        click.echo(
            f"Batch {status.name} is cancelled: {status.completed:,} images drawn, {left:,} not."
        )
