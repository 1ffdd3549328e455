"""`sdq resume`: resume what is paused."""

from __future__ import annotations

import click

from sdq.cli.options import open_ledger, settings_options, variant_key_option
from sdq_core.errors import UsageError
from sdq_core.settings import Settings


@click.command("resume")
@click.argument("batch", required=False)
@variant_key_option("A paused variant, by the key that `sdq status` shows.")
@settings_options
def command(settings: Settings, batch: str | None, variant_key: str | None) -> None:
    """Resume a batch that is paused or cancelled, or a variant that was paused or failed too often."""
    from db.dispatch import reconcile
    from db.values import BatchState
    from sdq.views.words import counted
    from sdq_core.queue.connection import connect
    from sdq_core.queue.queues import Queues

    if not batch and not variant_key:
        raise UsageError("Name a batch, or --variant-key KEY; `sdq status` shows what is paused.")
    with open_ledger(settings) as ledger:
        if batch:
            ledger.batches.set_state(batch, BatchState.ACTIVE)
        if variant_key:
            ledger.variants.resume(variant_key)
        requeued = reconcile(ledger, Queues(connect(settings), ledger.id), wait_s=60)
        click.echo(f"Resumed; {counted(requeued, 'slice')} queued.")
