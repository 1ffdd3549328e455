"""`sdq pause`: leave a batch or a variant for later."""

from __future__ import annotations

import click

from sdq.cli.options import open_ledger, settings_options
from sdq_core.errors import UsageError
from sdq_core.settings import Settings


@click.command("pause")
@click.argument("batch", required=False)
@click.option("--variant", metavar="KEY", help="A variant, by the key that `sdq status` shows.")
@settings_options
def command(settings: Settings, batch: str | None, variant: str | None) -> None:
    """Leave a batch, or all that a variant draws, until `sdq resume`; the image in hand is finished."""
    from db.values import BatchState

    if not batch and not variant:
        raise UsageError("Name a batch, or --variant KEY.")
    with open_ledger(settings) as ledger:
        if batch:
            ledger.batches.set_state(batch, BatchState.PAUSED)
            click.echo(f"Batch {batch} is paused. Go on with: sdq resume {batch}")
        if variant:
            ledger.variants.pause(variant, "by hand")
            click.echo(f"Variant {variant} is paused. Go on with: sdq resume --variant {variant}")
