"""`sdq cancel`: cancel a batch."""

from __future__ import annotations

import click

from sdq.cli.batch import batch_argument, existing_batch
from sdq.cli.options import settings_options
from sdq.cli.outcome import Outcome, outcome_options
from sdq_core.errors import InputMissingError
from sdq_core.settings import Settings


@click.command("cancel")
@batch_argument()
@outcome_options
@settings_options
def command(settings: Settings, batch: str, outcome: Outcome) -> None:
    """Cancel a batch. The current image is finished, and finished images stay.

    To continue where it stopped, submit the same prompts again or use `sdq resume`.
    """
    from db.values import BatchState
    from sdq.views.batch_object import batch_object

    with existing_batch(settings, batch) as (ledger, found):
        ledger.batches.set_state(found.id, BatchState.CANCELLED)
        status = ledger.batches.find(found.id)
        if status is None:  # by `sdq prune`, since the line above
            raise InputMissingError(
                f"Batch {found.name!r} was removed while it was being cancelled."
            )
        left = status.total - status.completed - status.failed
        outcome.say(
            f"Batch {status.name} is cancelled: {status.completed:,} images drawn, {left:,} not."
        )
        outcome.tell(batch=batch_object(ledger, status))
