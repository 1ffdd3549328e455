"""`sdq ls`: the batches."""

from __future__ import annotations

import json
import shutil
import sys

import click

from sdq.cli.options import existing_ledger, settings_options
from sdq_core.printable import printable
from sdq_core.settings import Settings


@click.command("ls")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, as `sdq status` does.")
@click.option("-q", "--quiet", is_flag=True, help="Print names only.")
@settings_options
def command(settings: Settings, as_json: bool, quiet: bool) -> None:
    """List the batches, the newest first.

    Wherever a command takes a batch, the beginning of its name will do if no other batch begins like that.
    """
    from sdq.views.listing import batch_lines
    from sdq.views.status import status_as_dict

    with existing_ledger(settings) as ledger:
        statuses = ledger.batches.statuses() if ledger else []
    if as_json:
        click.echo(json.dumps([status_as_dict(status) for status in statuses], indent=2))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    lines = (
        [printable(status.name) for status in statuses]
        if quiet
        else batch_lines(statuses, width=width)
    )
    for line in lines:
        click.echo(line)
