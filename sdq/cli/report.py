"""`sdq report`: what happened to a batch, or since a time."""

from __future__ import annotations

import contextlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdq.cli.batch import batch_argument, named_batch
from sdq.cli.options import existing_ledger, settings_options
from sdq_core.errors import InputMissingError, OutputError, StorageError, UsageError
from sdq_core.settings import Settings

if TYPE_CHECKING:
    from db.summaries.values import Summary
    from sdq_core.images.fitted import Thumbnail

#: The longer side of a thumbnail in pixels: sharp on a screen with two pixels for each of the page's.
_THUMBNAIL_SIDE = 256


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
    """Report on a batch, or on all batches since a time: what was drawn, how fast, and what failed why.

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
            from sdq.views.report.page import report_page

            pictures, problem = _pictures(settings, ledger.id, summary)
            _write(page, report_page(summary, paused, pictures, no_pictures=problem))
    if as_json:
        click.echo(json.dumps(report_as_dict(summary, paused), indent=2))
    elif page is not None:
        click.echo(str(page))
    else:
        first, *rest = report_lines(summary, paused, bar=_bar())
        click.echo("\n".join((click.style(first, bold=True), *rest)))


def _pictures(
    settings: Settings, ledger_id: str, summary: Summary
) -> tuple[dict[str, Thumbnail], str | None]:
    """Return the sample's thumbnails by path, or why there are none: a report is of use without its pictures."""
    from sdq_core.images.fitted import thumbnail
    from sdq_core.images.root import OutputRoot

    if not summary.sample:
        return {}, None
    try:
        OutputRoot(settings.outputs, home=settings.home, ledger_id=ledger_id).require()
    except StorageError as error:
        return {}, str(error)
    found = {}
    for shown in summary.sample:
        record = shown.image.image
        made = thumbnail(
            settings.outputs / record.path, _THUMBNAIL_SIDE, hidden=bool(record.nsfw_flagged)
        )
        if made is not None:
            found[record.path] = made
    return found, None


def _write(page: Path, text: str) -> None:
    from sdq_core.images.store import store_file

    place = page
    with contextlib.suppress(OSError, RuntimeError):  # what is wrong with it, writing will say
        place = page.resolve()  # a link stays one
        if place.exists() and not place.is_file():
            raise OutputError(f"{page} is not a file. Name one for the page, such as report.html.")
    store_file(text.encode(), place)


def _bar() -> str:
    try:
        "█".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "#"
    return "█"
