"""`sdq metrics`: counts and times for monitoring."""

from __future__ import annotations

from pathlib import Path

import click

from sdq.cli.options import existing_ledger, settings_options
from sdq_core.settings import Settings


@click.command("metrics")
@click.option(
    "--textfile",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write them to a file, as node_exporter's textfile collector reads it (X.prom), whole or not at all.",
)
@settings_options
def command(settings: Settings, textfile: str | None) -> None:
    """Print counts and times in Prometheus' text format, as `/metrics` of `sdq web` has them."""
    from sdq.views.metrics import metrics_text
    from sdq_core.images.store import store_file

    with existing_ledger(settings) as ledger:
        text = metrics_text(ledger)
    if textfile is None:
        click.echo(text, nl=False)
    else:
        store_file(text.encode(), Path(textfile).absolute())
