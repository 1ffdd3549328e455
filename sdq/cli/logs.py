"""`sdq logs`: what happened to a batch."""

from __future__ import annotations

import json

import click

from sdq.cli.batch import batch_argument, existing_batch
from sdq.cli.options import settings_options
from sdq_core.settings import Settings


@click.command("logs")
@batch_argument()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@settings_options
def command(settings: Settings, batch: str, as_json: bool) -> None:
    """Show what happened to a batch, in chronological order.

    Submissions, engines, failed images with their causes, pauses, the end and notices, as the ledger has them. What
    else a worker says goes to its standard error, or where its service sends that.
    """
    from sdq.views.batch_object import batch_object
    from sdq.views.history import events, now

    with existing_batch(settings, batch) as (ledger, status):
        happened = events(status, ledger.batches.history(status.id))
        batch_shown = batch_object(ledger, status)
    if as_json:
        document = {
            "batch": batch_shown,
            "events": [event.to_dict() for event in happened],
        }
        click.echo(json.dumps(document, indent=2))
        return
    for event in happened:
        click.echo(event.line())
    if status.completed_at is None:
        click.echo(now(status))
