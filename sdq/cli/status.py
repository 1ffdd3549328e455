"""`sdq status`: batches and their progress."""

from __future__ import annotations

import json
import time

import click

from sdq.cli.batch import batch_argument, named_batch
from sdq.cli.options import existing_ledger, settings_options
from sdq.cli.streams import output_is_lost
from sdq_core.printable import printable
from sdq_core.settings import Settings

_WATCH_EVERY_S = 1.0


@click.command("status")
@batch_argument(required=False)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: a list of batches, or an object for BATCH."
)
@click.option("--watch", is_flag=True, help="Refresh until everything is done.")
@settings_options
def command(settings: Settings, batch: str | None, as_json: bool, watch: bool) -> None:
    """Show every batch, or one with its failed images: progress, rate and time left, and why nothing moves."""
    from sdq.views.status import status_as_dict, status_lines

    seen_before = False
    if batch:
        from sdq.views.waiting import why_waiting
        from sdq_core.models import ModelStore

        store = ModelStore(settings.models)
    with existing_ledger(settings) as ledger:
        while True:
            if batch is not None:
                found = [named_batch(ledger, batch, whole=seen_before)]
                batch, seen_before = found[0].name, True
            else:
                found = ledger.batches.statuses() if ledger else []
            one = found[0].id if ledger and batch else None
            failures = ledger.batches.failed_images(one, 20) if ledger and one else []
            cut = ledger.batches.cut_prompts(one) if ledger and one else []
            waiting = why_waiting(settings, store, ledger, found[0]) if ledger and one else []
            paused = ledger.variants.paused() if ledger else []
            if as_json:
                shown = [status_as_dict(status) for status in found]
                if batch:
                    shown[0]["errors"] = [
                        {"entry": f.entry, "seed": f.seed, "attempts": f.attempts, "error": f.error}
                        for f in failures
                    ]
                    shown[0]["cut_prompts"] = cut
                    shown[0]["waiting"] = waiting
                click.echo(json.dumps(shown[0] if batch else shown, indent=2))
            else:
                if watch:
                    click.clear()
                lines = status_lines(found, failures, paused, cut)
                if found:
                    lines[0] = click.style(lines[0], bold=True)
                click.echo("\n".join([*lines, *(printable(line) for line in waiting)]))
            seen = output_is_lost() is None
            if not watch or not seen or all(status.completed_at for status in found):
                return
            time.sleep(_WATCH_EVERY_S)
