"""`sdq report`: what happened to a batch, or since a time."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from sdq.cli.batch import batch_argument, named_batch
from sdq.cli.options import existing_ledger, settings_options
from sdq_core.errors import InputMissingError, UsageError
from sdq_core.settings import Settings


@click.command("report")
@batch_argument(required=False)
@click.option(
    "--since",
    metavar="TIME",
    help="Count what was drawn since the last 22:00, 2026-11-25, 2026-11-25T22:00, or in the last 12h.",
)
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write one self-contained page.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@settings_options
def command(
    settings: Settings, batch: str | None, since: str | None, page: Path | None, as_json: bool
) -> None:
    """Report on a batch, or on all batches since a time: what was drawn, how fast, and what failed and why.

    \b
    Examples:
      sdq report --since 22:00
      sdq report prompts --html report.html

    With --html, the page has a sample of the images as thumbnails, and FILE is printed in place of the text. Times are
    those of this machine's zone.
    """
    from sdq.views.report.as_dict import report_as_dict
    from sdq.views.report.text import report_lines
    from sdq_core.values.moments import past_moment

    if batch is None and since is None:
        raise UsageError(
            "Name a batch, or a time: `sdq report BATCH` or `sdq report --since 22:00`."
        )
    begin = None
    if since is not None:
        try:
            begin = past_moment(since, datetime.now(UTC))
        except UsageError as error:
            raise UsageError(f"--since: {error}") from None
    with existing_ledger(settings) as ledger:
        if batch is not None:
            batch = named_batch(ledger, batch).name
        if ledger is None:
            raise InputMissingError(
                "Nothing was submitted yet. Start with: sdq submit prompts.txt --seed-range 0-99"
            )
        summary = ledger.summaries.of(batch, since=begin)
        paused = ledger.variants.paused()
        if page is not None:
            from sdq.views.report.file import write_report
            from sdq_core.images.root import OutputRoot

            outputs = OutputRoot(settings.outputs, home=settings.home, ledger_id=ledger.id)
            write_report(page, summary, paused, outputs)
        document = report_as_dict(ledger, summary, paused) if as_json else None
    if as_json:
        click.echo(json.dumps(document, indent=2))
    elif page is not None:
        click.echo(str(page))
    else:
        first, *rest = report_lines(summary, paused, bar=_bar())
        click.echo("\n".join((click.style(first, bold=True), *rest)))


def _bar() -> str:
    try:
        "█".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "#"
    return "█"
