"""`sdq resume`: resume what is paused."""

from __future__ import annotations

import click

from sdq.cli.batch import batch_argument, named_batch
from sdq.cli.options import open_ledger, settings_options, variant_key_option
from sdq.cli.outcome import Outcome, outcome_options
from sdq_core.errors import UsageError
from sdq_core.settings import Settings


@click.command("resume")
@batch_argument(required=False)
@variant_key_option("A paused variant, by the key that `sdq status` shows.")
@outcome_options
@settings_options
def command(
    settings: Settings, batch: str | None, variant_key: str | None, outcome: Outcome
) -> None:
    """Resume a batch that is paused or cancelled, or a variant that was paused or failed too often."""
    from db.dispatch import reconcile
    from db.values import BatchState
    from sdq.views.batch_object import batch_object
    from sdq.views.words import counted
    from sdq_core.queue.connection import connect
    from sdq_core.queue.queues import Queues

    if not batch and not variant_key:
        raise UsageError("Name a batch, or --variant-key KEY; `sdq status` shows what is paused.")
    with open_ledger(settings) as ledger:
        found = named_batch(ledger, batch) if batch else None
        if found:
            ledger.batches.set_state(found.id, BatchState.ACTIVE)
        if variant_key:
            ledger.variants.resume(variant_key)
        requeued = reconcile(ledger, Queues(connect(settings), ledger.id), wait_s=60)
        outcome.say(f"Resumed; {counted(requeued, 'slice')} queued.")
        status = ledger.batches.find(found.id) if found and outcome.as_json else None
        outcome.tell(
            batch=status and batch_object(ledger, status),
            variant_key=variant_key,
            slices_queued=requeued,
        )
