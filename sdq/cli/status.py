"""`sdq status`: batches and their progress."""

from __future__ import annotations

import json
import time

import click

from sdq.cli.options import open_ledger, settings_options
from sdq.cli.streams import output_is_lost
from sdq_core.errors import InputMissingError
from sdq_core.printable import printable
from sdq_core.settings import Settings

_WATCH_EVERY_S = 1.0


@click.command("status")
@click.argument("batch", required=False)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: a list of batches, or an object for BATCH."
)
@click.option("--watch", is_flag=True, help="Refresh until everything is done.")
@settings_options
def command(settings: Settings, batch: str | None, as_json: bool, watch: bool) -> None:
    """Show every batch, or one with its failed images: progress, rate and time left, and why nothing moves."""
    from sdq.views.status import status_as_dict, status_lines

    if batch:
        from sdq.views.waiting import why_waiting
        from sdq_core.models import ModelStore

        store = ModelStore(settings.models)
    with open_ledger(settings) as ledger:
        while True:
            if batch is None:
                found = ledger.batches.statuses()
            else:
                one = ledger.batches.find(batch)
                if one is None:
                    names = (
                        ", ".join(status.name for status in ledger.batches.statuses(5))
                        or "none yet"
                    )
                    raise InputMissingError(f"There is no batch {batch!r}. The newest: {names}.")
                found = [one]
            failures = (
                ledger.batches.failed_images(found[0].id, 20) if batch and found[0].failed else []
            )
            cut = ledger.batches.cut_prompts(found[0].id) if batch else []
            waiting = why_waiting(settings, store, ledger, found[0]) if batch else []
            paused = ledger.variants.paused()
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
