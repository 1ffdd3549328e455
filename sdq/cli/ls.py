"""`sdq ls`: the batches, or a batch's images."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

import click

from sdq.cli.batch import batch_argument, named_batch
from sdq.cli.image_options import columns_option, sort_option, where_option
from sdq.cli.options import existing_ledger, settings_options
from sdq.cli.streams import output_is_lost
from sdq_core.errors import UsageError
from sdq_core.printable import printable
from sdq_core.settings import Settings

if TYPE_CHECKING:
    from db.columns import Named, Sorting
    from db.columns.where import Where
    from db.ledger import Ledger
    from db.values import BatchStatus

_LINES_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True)
class _Form:
    """How the list is printed: as a table unless one of these is true."""

    as_json: bool
    as_jsonl: bool
    names: bool
    end: str


@click.command("ls")
@batch_argument(required=False)
@where_option
@sort_option
@columns_option
@click.option("--limit", type=click.IntRange(1), metavar="N", help="List at most N.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print a JSON list: of batches as `sdq status` does, of images with all columns.",
)
@click.option("--jsonl", "as_jsonl", is_flag=True, help="Print one JSON object per line.")
@click.option(
    "-q", "--quiet", is_flag=True, help="Print only the names of batches, or the paths of files."
)
@click.option("-0", "--null", is_flag=True, help="Like -q, but end each with NUL, for `xargs -0`.")
@settings_options
def command(
    settings: Settings,
    batch: str | None,
    where: Where | None,
    sort: Sorting | None,
    columns: tuple[Named, ...] | None,
    limit: int | None,
    as_json: bool,
    as_jsonl: bool,
    quiet: bool,
    null: bool,
) -> None:
    """List the batches, the newest first; or the finished images of BATCH.

    Wherever a command takes a batch, the beginning of its name will do if no other batch begins like that.

    \b
    sdq ls night --where "seed < 100 and prompt ~ 'house'" --sort -size_bytes --limit 10
    sdq ls night -0 --where 'not nsfw_flagged' | xargs -0 du -ch
    """
    if as_json + as_jsonl + (quiet or null) > 1:
        raise UsageError("--json, --jsonl and -q exclude each other. Name one of them.")
    form = _Form(
        as_json=as_json, as_jsonl=as_jsonl, names=quiet or null, end="\0" if null else "\n"
    )
    with existing_ledger(settings) as ledger:
        if batch is None:
            if where or sort or columns:
                raise UsageError(
                    "--where, --sort and --columns are for a batch's images. Name the batch."
                )
            _print_batches(ledger, limit, form)
        else:
            status = named_batch(ledger, batch)
            assert ledger is not None  # or there would be no batch
            _print_images(settings, ledger, status, form, where, sort, columns, limit)


def _print_batches(ledger: Ledger | None, limit: int | None, form: _Form) -> None:
    from sdq.views.batch_object import batch_objects
    from sdq.views.listing import batch_lines

    statuses = ledger.batches.statuses(limit) if ledger else []
    if form.as_json or form.as_jsonl:
        objects = batch_objects(ledger, statuses) if ledger else []
        if form.as_json:
            click.echo(json.dumps(objects, indent=2))
        else:
            _print(map(json.dumps, objects))
    elif form.names:
        _print((printable(status.name) for status in statuses), end=form.end)
    else:
        _print(batch_lines(statuses, width=_width()))


def _print_images(
    settings: Settings,
    ledger: Ledger,
    status: BatchStatus,
    form: _Form,
    where: Where | None,
    sort: Sorting | None,
    columns: tuple[Named, ...] | None,
    limit: int | None,
) -> None:
    from sdq.views.image_list import image_as_row, image_lines

    images = ledger.batches.images(status.id, where=where, sort=sort, limit=limit)
    rows = (json.dumps(image_as_row(image, settings.outputs, columns)) for image in images)
    if form.as_json:
        _print(_listed(rows))
    elif form.as_jsonl:
        _print(rows)
    elif form.names:
        paths = (str(settings.outputs / image.image.path) for image in images)
        if sys.stdout.isatty():
            _print(map(printable, paths), end=form.end)
        else:
            _print(paths, end=form.end, exact=True)
    else:
        lines = image_lines(images, columns, width=_width())
        first = next(lines, None)
        if first is not None:
            _print(chain([first], lines))
        elif where:
            click.echo(f"Batch {status.name} has no finished image like that.")
        else:
            click.echo(f"Batch {status.name} has no finished images yet. Start `sdq worker`.")


def _listed(rows: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a JSON list, an element a line, as they come."""
    line = "["
    for row in rows:
        if line != "[":
            yield f"{line},"
            line = " "
        line += row
    yield f"{line}]"


def _print(lines: Iterable[str], *, end: str = "\n", exact: bool = False) -> None:
    """Print lines, some at a time, as long as somebody reads them. exact: to the byte, as paths of files are."""
    left = iter(lines)
    while some := list(islice(left, _LINES_AT_ONCE)):
        if output_is_lost():
            return
        text = "".join(f"{line}{end}" for line in some)
        click.echo(os.fsencode(text) if exact else text, nl=False)


def _width() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
