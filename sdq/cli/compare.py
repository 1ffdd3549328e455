"""`sdq compare`: how much images differ that were drawn in two ways."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdq.cli.batch import batches_argument, existing_batches
from sdq.cli.image_options import axis_option, where_option
from sdq.cli.options import settings_options
from sdq_core.errors import InputMissingError, UsageError
from sdq_core.printable import quote
from sdq_core.settings import Settings

if TYPE_CHECKING:
    from db.columns.where import Where
    from db.ledger import Ledger
    from db.values import BatchStatus
    from sdq.comparing.comparison import Comparison, Pair
    from sdq.comparing.sides import Side
    from sdq.sheets.axis import Axis
    from sdq_core.images.root import OutputRoot

_PAGE = (".html", ".htm")
#: What both images of a pair have, always.
_OF_PARTNERS = ("prompt", "negative_prompt", "seed")


@click.command("compare")
@batches_argument("BATCH... [OUT.html]")
@axis_option("--by", "Compare the values of a column, such as scheduler, within BATCH.")
@where_option
@click.option(
    "--limit",
    type=click.IntRange(1, 500),
    default=24,
    show_default=True,
    help="Show at most this many pairs, the least similar first. All are measured.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@settings_options
def command(
    settings: Settings,
    batches: tuple[str, ...],
    by: Axis | None,
    where: Where | None,
    limit: int,
    as_json: bool,
) -> None:
    """Compare images of the same prompt and seed that were drawn in two ways.

    \b
    Examples:
      sdq compare night night-split_einsum flip.html
      sdq compare night --by scheduler --where 'steps = 20'

    Partners have the same prompts and seed, and the same steps, scheduler and so on if both sides have any in common.
    What else differs is named, with the peak signal-to-noise ratio of each pair. With OUT.html, a page shows each pair
    in one place and switches between the two when you point at it. With three batches or more, the first is compared
    with each of the others.
    """
    from sdq.views.comparison.as_dict import comparison_as_dict
    from sdq.views.comparison.text import comparison_lines
    from sdq_core.images.root import OutputRoot

    names, page = batches, None
    if batches and batches[-1].lower().endswith(_PAGE):
        names, page = batches[:-1], Path(batches[-1])
    if not names or (len(names) == 1 and by is None):
        raise UsageError(
            "Name two batches, or one with --by: `sdq compare ONE OTHER` or `sdq compare ONE --by scheduler`."
        )
    if by is not None and by.name in _OF_PARTNERS:
        raise UsageError(
            f"Partners have the same {by.short}, so there are no pairs --by {by.name}. To see its values side by side: "
            f"`sdq sheet {names[0]} sheet.png --x {by.name}`."
        )
    with existing_batches(settings, names) as (ledger, statuses):
        sides = _sides(ledger, statuses, by, where)
        outputs = OutputRoot(settings.outputs, home=settings.home, ledger_id=ledger.id)
        outputs.require()
    comparisons = _comparisons(sides, outputs, watched=not as_json)
    if page:
        _write(page, comparisons, limit, outputs)
    if as_json:
        found = [comparison_as_dict(comparison, limit) for comparison in comparisons]
        click.echo(
            json.dumps({"file": str(page) if page else None, "comparisons": found}, indent=2)
        )
    elif page:
        click.echo(str(page))
    else:
        for comparison in comparisons:
            click.echo("\n".join(comparison_lines(comparison, limit)))


def _sides(
    ledger: Ledger, statuses: Sequence[BatchStatus], by: Axis | None, where: Where | None
) -> list[Side]:
    from sdq.comparing.sides import Side, sides_by

    if by is None:
        sides = []
        for status in statuses:
            side = Side(name=status.name)
            for image in ledger.batches.images(status.id, where=where):
                side.add(image)
            sides.append(side)
    else:
        images = (
            image for status in statuses for image in ledger.batches.images(status.id, where=where)
        )
        sides = sides_by(images, by)
    for side in sides:
        if not len(side):
            raise InputMissingError(f"{side.name} has no finished images to compare.")
    if len(sides) < 2:
        has = f"only {sides[0].name}" if sides else "no finished images"
        raise InputMissingError(f"There is nothing to compare: {_names(statuses)} has {has}.")
    return sides


def _comparisons(sides: Sequence[Side], outputs: OutputRoot, *, watched: bool) -> list[Comparison]:
    from sdq.comparing.comparison import compared
    from sdq.comparing.sides import matched

    first, *others = sides
    found = []
    for other in others:
        pairs = matched(first, other)
        if not pairs.pairs:
            raise InputMissingError(
                f"No image of {quote(first.name)} has a partner in {quote(other.name)}: none has the same prompts "
                "and seed, and the same settings where both have some in common."
            )

        def watch(measured: Iterable[Pair], count: int = len(pairs.pairs)) -> Iterable[Pair]:
            if not (watched and sys.stderr.isatty()):
                yield from measured
                return
            with click.progressbar(measured, length=count, file=sys.stderr) as bar:
                yield from bar

        found.append(compared(first, other, pairs, outputs.path, watch=watch))
    return found


def _write(page: Path, comparisons: Sequence[Comparison], limit: int, outputs: OutputRoot) -> None:
    from sdq.views.comparison.page import comparison_page
    from sdq.views.comparison.pictures import Pictures
    from sdq_core.images.store import store_file

    store_file(comparison_page(comparisons, limit, Pictures(outputs.path)).encode(), page)


def _names(statuses: Sequence[BatchStatus]) -> str:
    return " and ".join(status.name for status in statuses)
