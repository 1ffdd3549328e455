"""The batch that a command names: by its name, by its id, or by a beginning that no other name has.

An id is 7, or batch_7 as JSON has it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from sdq.cli.candidates import batch_names
from sdq.cli.options import Command, existing_ledger
from sdq_core.errors import InputMissingError, UsageError
from sdq_core.settings import Settings

if TYPE_CHECKING:
    from db.ledger import Ledger
    from db.values import BatchStatus

_NAMED = 5


def batch_argument(*, required: bool = True) -> Callable[[Command], Command]:
    """Add the argument BATCH; the command gets a `batch` argument, for `named_batch`."""
    return click.argument("batch", required=required, shell_complete=batch_names)


def batches_argument(metavar: str) -> Callable[[Command], Command]:
    """Add the argument BATCH..., for one or more; the command gets a `batches` argument, for `existing_batches`."""
    return click.argument("batches", metavar=metavar, nargs=-1, shell_complete=batch_names)


def batches_before_out(
    *, shell_complete: Callable[..., Any] = batch_names
) -> Callable[[Command], Command]:
    """Add the argument BATCH... as `batches_argument` does, to a command whose last argument is OUT."""
    return click.argument(
        "batches",
        metavar="BATCH...",
        nargs=-1,
        callback=_require_out,
        shell_complete=shell_complete,
    )


def _require_out(
    context: click.Context, _parameter: click.Parameter, batches: tuple[str, ...]
) -> tuple[str, ...]:
    # click gives a single name to OUT, and would say that the batch is missing, which was given.
    if not batches:
        raise click.MissingParameter(ctx=context, param_hint="'OUT'", param_type="argument")
    return batches


@contextlib.contextmanager
def existing_batches(
    settings: Settings, given: Sequence[str]
) -> Iterator[tuple[Ledger, list[BatchStatus]]]:
    """Open the ledger, which is never created, with the batches that are meant, each once.

    Raise UsageError for none, and as `named_batch` does.
    """
    if not given:
        raise UsageError("Name a batch. See `sdq ls` for all.")
    with existing_ledger(settings) as ledger:
        statuses = {status.id: status for status in (named_batch(ledger, name) for name in given)}
        assert ledger is not None  # or there would be no batch
        yield ledger, list(statuses.values())


@contextlib.contextmanager
def existing_batch(settings: Settings, given: str) -> Iterator[tuple[Ledger, BatchStatus]]:
    """Open the ledger, which is never created, with the batch that is meant; raise as `named_batch` does."""
    with existing_ledger(settings) as ledger:
        status = named_batch(ledger, given)
        assert ledger is not None  # or there would be no batch
        yield ledger, status


def named_batch(ledger: Ledger | None, given: str, *, whole: bool = False) -> BatchStatus:
    """Return the batch that is meant. ledger: None if there is none.

    whole: take no beginning of a name, where a mistake could not be undone.

    Raise InputMissingError if there is no such batch, UsageError if the beginning is that of several.
    """
    from sdq.views.batch_object import find_batch

    status = (ledger.batches.find(given) or find_batch(ledger, given)) if ledger else None
    names = ledger.batches.beginning_with(given) if ledger and given and not status else []
    if ledger and len(names) == 1 and not whole:
        status = ledger.batches.find(names[0])
    if status is not None:
        return status
    if len(names) > 1 and not whole:
        raise UsageError(f"Batch {given!r} could be {_either(names)}. Name one of them.")
    if names:
        raise InputMissingError(
            f"There is no batch {given!r}, only {_either(names)}. Here a name has to be whole."
        )
    newest = ledger.batches.beginning_with("")[:_NAMED] if ledger else []
    raise InputMissingError(
        f"There is no batch {given!r}. The newest: {', '.join(newest) or 'none yet'}."
    )


def _either(names: Sequence[str]) -> str:
    shown, more = list(names[:_NAMED]), len(names) - _NAMED
    if more > 0:
        shown.append(f"{more:,} more")
    return " or ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
