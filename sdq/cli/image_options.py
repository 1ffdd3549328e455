"""Options that say which of a batch's finished images a command takes, and in which order.

What they give is for `ledger.batches.images`, which applies both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from sdq.cli.candidates import column_names
from sdq.cli.options import Command
from sdq_core.errors import UsageError

if TYPE_CHECKING:
    from db.columns import Named, Sorting
    from db.columns.where import Where
    from sdq.sheets.axis import Axis


def where_option(command: Command, *, option: Callable[..., Any] = click.option) -> Command:
    """Add --where; the command gets a `where` argument, None without one. A mistake in it is a UsageError.

    option: what adds it, for one under a heading.
    """
    added: Command = option(
        "--where",
        multiple=True,
        metavar="CONDITION",
        callback=_where,
        help="Only images that match, such as \"steps >= 30 and prompt ~ 'house'\"; see docs/columns.md. If given "
        "twice, those that match both.",
    )(command)
    return added


def sort_option(command: Command) -> Command:
    """Add --sort; the command gets a `sort` argument, None without one. A mistake in it is a UsageError."""
    return click.option(
        "--sort",
        metavar="COLUMNS",
        callback=_sort,
        shell_complete=column_names,
        help="Sort by these columns, such as -finished_at,seed; - puts the largest first.  [default: prompt and seed]",
    )(command)


def columns_option(command: Command) -> Command:
    """Add --columns; the command gets a `columns` argument, None without one. A mistake in it is a UsageError."""
    return click.option(
        "--columns",
        metavar="COLUMNS",
        callback=_columns,
        shell_complete=column_names,
        help="Show these columns, such as seed,steps,meta.series.",
    )(command)


def axis_option(option: str, about: str) -> Callable[[Command], Command]:
    """Add an option that names a column, or a choice of dynamic prompts; the command gets an `Axis`, or None."""
    return click.option(
        option, metavar="COLUMN", callback=_axis, shell_complete=column_names, help=about
    )


def _where(
    _ctx: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]
) -> Where | None:
    from db.columns.where import parse_where

    for text in texts:  # each for itself first: a mistake is shown where it was written
        parse_where(text)
    if not texts:
        return None
    return parse_where(texts[0] if len(texts) == 1 else " and ".join(f"({one})" for one in texts))


def _sort(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> Sorting | None:
    from db.columns import parse_sort

    return None if text is None else parse_sort(text)


def _axis(_ctx: click.Context, parameter: click.Parameter, text: str | None) -> Axis | None:
    from sdq.sheets.axis import axis_named

    try:
        return None if text is None else axis_named(text)
    except UsageError as error:
        raise UsageError(f"{parameter.opts[0]}: {error}") from None


def _columns(
    _ctx: click.Context, _parameter: click.Parameter, text: str | None
) -> tuple[Named, ...] | None:
    from db.columns import parse_columns

    return None if text is None else parse_columns(text)
