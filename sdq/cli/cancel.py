"""`sdq cancel`: draw no more of a batch."""

from __future__ import annotations

import click

from sdq.cli.options import open_ledger, settings_options
from sdq_core.settings import Settings


@click.command("cancel")
@click.argument("batch")
@settings_options
def command(settings: Settings, batch: str) -> None:
    """Draw no more of a batch; the image in hand is finished, and what is drawn stays.

    Submitting the same prompts again, or `sdq resume`, takes the batch up where it stopped.
    """
    from db.values import BatchState

    with open_ledger(settings) as ledger:
        ledger.batches.set_state(batch, BatchState.CANCELLED)
        status = ledger.batches.find(batch)
        left = status.total - status.completed - status.failed
        click.echo(
            f"Batch {status.name} is cancelled: {status.completed:,} images drawn, {left:,} not."
        )
