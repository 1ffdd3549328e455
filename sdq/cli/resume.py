"""`sdq resume`: go on with what is paused."""

from __future__ import annotations

import click

from sdq.cli.options import open_ledger, settings_options
from sdq_core.errors import UsageError
from sdq_core.settings import Settings


@click.command("resume")
@click.argument("batch", required=False)
@click.option(
    "--variant", metavar="KEY", help="A paused variant, by the key that `sdq status` shows."
)
@settings_options
def command(settings: Settings, batch: str | None, variant: str | None) -> None:
    """Go on with a batch that is paused or cancelled, or with a variant that failed too often."""
    from db.dispatch import reconcile
    from db.values import BatchState
    from sdq_core.queue.queues import Queues, connect

    if not batch and not variant:
        raise UsageError("Name a batch, or --variant KEY; `sdq status` shows what is paused.")
    with open_ledger(settings) as ledger:
        if batch:
            ledger.batches.set_state(batch, BatchState.ACTIVE)
        if variant:
            ledger.variants.resume(variant)
        found = reconcile(ledger, Queues(connect(settings), ledger.id), wait_s=60)
        click.echo(f"Going on; {found.requeued:,} slices queued.")
