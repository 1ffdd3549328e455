"""`sdq pause`: pause a batch or a variant."""

from __future__ import annotations

from shlex import quote

import click

from sdq.cli.options import open_ledger, settings_options, variant_key_option
from sdq_core.errors import UsageError
from sdq_core.settings import Settings


@click.command("pause")
@click.argument("batch", required=False)
@variant_key_option("A variant, by the key that `sdq status` shows.")
@settings_options
def command(settings: Settings, batch: str | None, variant_key: str | None) -> None:
    """Pause a batch or a variant until `sdq resume`. The current image is finished."""
    from db.values import BatchState

    if not batch and not variant_key:
        raise UsageError("Name a batch, or --variant-key KEY.")
    with open_ledger(settings) as ledger:
        if batch:
            ledger.batches.set_state(batch, BatchState.PAUSED)
            click.echo(f"Batch {batch} is paused. To continue, run `sdq resume {quote(batch)}`.")
        if variant_key:
            ledger.variants.pause(variant_key, "by hand")
            click.echo(
                f"Variant {variant_key} is paused. To continue, run `sdq resume --variant-key {variant_key}`."
            )
