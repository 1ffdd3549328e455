"""`sdq sheet`: images of batches on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdq.cli.batch import batches_before_out, existing_batches
from sdq.cli.image_options import axis_option, sort_option, where_option
from sdq.cli.options import settings_options
from sdq.cli.outcome import Outcome, outcome_options
from sdq_core.errors import InputMissingError, UsageError
from sdq_core.settings import Settings

if TYPE_CHECKING:
    from db.columns import Sorting
    from db.columns.where import Where
    from db.ledger import Ledger
    from db.values import BatchStatus
    from sdq.sheets.axis import Axis
    from sdq.sheets.cells import Axes
    from sdq.sheets.sheet import Grid

#: Tiles side by side: seeds that nobody asked to see, and values of an axis that somebody did.
_COLUMNS, _COLUMNS_OF_AN_AXIS = 8, 30
_GRIDS = 100
#: Pixels; a page is printed, with more dots to an inch than a screen has.
_THUMB, _THUMB_OF_A_PAGE = 128, 256


@click.command("sheet")
@batches_before_out()
@click.argument("out", type=click.Path(path_type=Path))
@axis_option("--x", "What runs across: seed, steps, scheduler, ...")
@axis_option("--y", "What runs down.")
@axis_option("--z", "What differs from grid to grid; each begins a page of a PDF.")
@where_option
@sort_option
@click.option(
    "--thumb",
    type=click.IntRange(16, 2048),
    help=f"Size of each image in pixels [{_THUMB}; in a PDF {_THUMB_OF_A_PAGE}].",
)
@click.option(
    "--columns",
    type=click.IntRange(1, 100),
    help=f"Show at most this many side by side [{_COLUMNS}; with --x {_COLUMNS_OF_AN_AXIS}].",
)
@click.option(
    "--rows",
    type=click.IntRange(1, 1000),
    default=40,
    show_default=True,
    help="Show at most this many rows.",
)
@outcome_options
@settings_options
def command(
    settings: Settings,
    batches: tuple[str, ...],
    out: Path,
    x: Axis | None,
    y: Axis | None,
    z: Axis | None,
    where: Where | None,
    sort: Sorting | None,
    thumb: int | None,
    columns: int | None,
    rows: int,
    outcome: Outcome,
) -> None:
    """Make a contact sheet of batches' finished images: prompts down, seeds across.

    \b
    OUT is a .png, .jpg, .webp or .pdf file. Examples:
      sdq sheet night night.pdf
      sdq sheet night newest.png --sort -finished_at --columns 10 --rows 10
      sdq sheet night grid.png --x steps --y scheduler --z prompt --where 'seed = 7'

    --x, --y and --z take any column, such as seed, steps, guidance_scale, scheduler, variant, compute_unit, model,
    prompt, batch or meta.NAME, and a choice of dynamic prompts as its template writes it, such as __animal__ or
    '{red|blue}'.
    """
    from sdq.sheets.file import draw_sheet, sheet_format
    from sdq_core.images.root import OutputRoot

    is_pdf = sheet_format(out) == "PDF"
    axes = _axes(x, y, z, columns or (_COLUMNS_OF_AN_AXIS if x else _COLUMNS), rows)
    across = columns or _COLUMNS
    with existing_batches(settings, batches) as (ledger, statuses):
        said: list[str] = []
        if axes:
            grids = _crossed(ledger, statuses, axes, where, sort, settings.outputs, said)
        else:
            grids = _plain(ledger, statuses, where, sort, settings.outputs, rows, across, said)
        if not grids:
            raise InputMissingError(_nothing(statuses, where))
        OutputRoot(settings.outputs, home=settings.home, ledger_id=ledger.id).require()
    drawn = draw_sheet(grids, out, thumb or (_THUMB_OF_A_PAGE if is_pdf else _THUMB))
    if drawn.unreadable:
        are = "image" if drawn.unreadable == 1 else "images"
        said.append(f"{drawn.unreadable:,} {are} could not be read: see `sdq verify`.")
    for sentence in said if not outcome.quiet else ():
        click.echo(sentence, err=True)
    outcome.say(str(out))
    outcome.tell(
        file=str(out),
        prompts=sum(len(grid.rows) for grid in grids),
        images=sum(bool(tile.file) for grid in grids for row in grid.rows for tile in row.tiles),
        pages=drawn.pages,
        remarks=said,
    )


def _axes(x: Axis | None, y: Axis | None, z: Axis | None, columns: int, rows: int) -> Axes | None:
    """Return the axes, None if none is named; seeds and prompts are on those that are not."""
    from sdq.sheets.axis import axis_named
    from sdq.sheets.cells import Axes

    names = [axis.name for axis in (x, y, z) if axis]
    if not names:
        return None
    if len(set(names)) < len(names):
        raise UsageError("Each of --x, --y and --z needs a column of its own.")
    usual = iter(name for name in ("seed", "prompt", "scheduler") if name not in names)
    if y is None and x is not None:
        usual = iter(name for name in ("prompt", "seed", "scheduler") if name not in names)
    return Axes(
        x=x or axis_named(next(usual)),
        y=y or axis_named(next(usual)),
        z=z,
        columns=columns,
        rows=rows,
        grids=_GRIDS,
    )


def _crossed(
    ledger: Ledger,
    statuses: Sequence[BatchStatus],
    axes: Axes,
    where: Where | None,
    sort: Sorting | None,
    outputs: Path,
    said: list[str],
) -> list[Grid]:
    from sdq.sheets.cells import Cells
    from sdq.sheets.rank import rank_of
    from sdq.sheets.remarks import remarks

    cells = Cells(axes)
    for number, status in enumerate(statuses):
        # In the order of planning, in which the values of the axes come.
        for image in ledger.batches.images(status.id, where=where):
            rank = rank_of(image, sort)
            cells.add(image, (*rank, number) if sort else (number, *rank))
    for axis, places in ((axes.x, cells.x), (axes.y, cells.y), (axes.z, cells.z)):
        if axis and places.values == [None]:
            raise InputMissingError(
                f"No image has {axis.name}. Name what `sdq show BATCH/1/SEED` has."
            )
    said += remarks(cells, axes)
    return cells.grids(outputs)


def _plain(
    ledger: Ledger,
    statuses: Sequence[BatchStatus],
    where: Where | None,
    sort: Sorting | None,
    outputs: Path,
    rows: int,
    columns: int,
    said: list[str],
) -> list[Grid]:
    from sdq.sheets.plain import by_prompt, in_order

    grids = []
    for status in statuses:
        heading = status.name if len(statuses) > 1 else ""
        if sort:
            images = ledger.batches.images(status.id, where=where, sort=sort)
            grid = in_order(images, sort, outputs, rows=rows, columns=columns, heading=heading)
        else:
            images = ledger.batches.first_images(status.id, columns, where=where)
            grid = by_prompt(images, outputs, rows=rows, columns=columns, heading=heading)
            if len(grid.rows) == rows < (entries := ledger.batches.request(status.id).entries):
                said.append(
                    f"The first {rows:,} rows with images are shown, of the {entries:,} of {status.name}; "
                    "--rows shows more."
                )
        if grid.rows:
            grids.append(grid)
    return grids


def _nothing(statuses: Sequence[BatchStatus], where: Where | None) -> str:
    names = " and ".join(repr(status.name) for status in statuses)
    batches = "Batch" if len(statuses) == 1 else "Batches"
    have = "has" if len(statuses) == 1 else "have"
    if where and any(status.completed for status in statuses):
        return f"No finished image of {names} matches --where. Choose other values."
    return f"{batches} {names} {have} no finished images yet. Start `sdq worker`."
