"""`sdq pause`: pause a batch or a variant."""

from __future__ import annotations

from shlex import quote

import click

from sdq.cli.batch import batch_argument, named_batch
from sdq.cli.options import open_ledger, settings_options, variant_key_option
from sdq.cli.outcome import Outcome, outcome_options
from sdq_core.errors import UsageError
from sdq_core.settings import Settings


@click.command("pause")
@batch_argument(required=False)
@variant_key_option("A variant, by the key that `sdq status` shows.")
@outcome_options
@settings_options
def command(
    settings: Settings, batch: str | None, variant_key: str | None, outcome: Outcome
) -> None:
    """Pause a batch or a variant until `sdq resume`. The current image is finished."""
    from db.values import BatchState
    from sdq.views.batch_object import batch_object

    if not batch and not variant_key:
        raise UsageError("Name a batch, or --variant-key KEY.")
    with open_ledger(settings) as ledger:
        found = named_batch(ledger, batch) if batch else None
        if found:
            ledger.batches.set_state(found.id, BatchState.PAUSED)
            outcome.say(
                f"Batch {found.name} is paused. To continue, run `sdq resume {quote(found.name)}`."
            )
        if variant_key:
            ledger.variants.pause(variant_key, "by hand")
            outcome.say(
                f"Variant {variant_key} is paused. To continue, run `sdq resume --variant-key {variant_key}`."
            )
        status = ledger.batches.find(found.id) if found and outcome.as_json else None
        outcome.tell(batch=status and batch_object(ledger, status), variant_key=variant_key)
