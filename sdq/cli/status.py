"""`sdq status`: batches and their progress."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from sdq.cli.batch import batch_argument, named_batch
from sdq.cli.options import existing_ledger, settings_options
from sdq.cli.streams import output_is_lost
from sdq_core.printable import printable
from sdq_core.settings import Settings

if TYPE_CHECKING:
    from db.ledger import Ledger
    from db.values import BatchStatus

_WATCH_EVERY_S = 1.0


@click.command("status")
@batch_argument(required=False)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: a list of batches, or an object for BATCH."
)
@click.option(
    "--watch",
    is_flag=True,
    help="Go on until everything is done: live in a terminal, elsewhere a status every second.",
)
@settings_options
def command(settings: Settings, batch: str | None, as_json: bool, watch: bool) -> None:
    """Show every batch, or one with its failed images: progress, rate and time left, and why nothing is being drawn."""
    with existing_ledger(settings) as ledger:
        found = _found(ledger, batch)
        if batch:
            batch = found[0].name
        why = _why_waiting(settings, ledger, batch)
        if watch and ledger and not as_json and not _is_over(found):
            from sdq.cli.live import watch_ledger

            watch = not watch_ledger(
                settings, ledger, found[0] if batch else None, notes=lambda: _notes(ledger, why)
            )
            found = _found(ledger, batch, whole=True)
        while True:
            show = _print_json if as_json else _print
            show(ledger, found, batch, why)
            if not watch or output_is_lost() or _is_over(found):
                return
            time.sleep(_WATCH_EVERY_S)
            found = _found(ledger, batch, whole=True)


def _found(ledger: Ledger | None, batch: str | None, *, whole: bool = False) -> list[BatchStatus]:
    if batch is not None:
        return [named_batch(ledger, batch, whole=whole)]
    return ledger.batches.statuses() if ledger else []


def _is_over(found: Sequence[BatchStatus]) -> bool:
    return all(status.completed_at or status.state == "cancelled" for status in found)


def _why_waiting(
    settings: Settings, ledger: Ledger | None, batch: str | None
) -> Callable[[], list[str]]:
    """Return what finds out why a batch does not move; nothing is asked for all batches."""
    if not batch or ledger is None:
        return list
    from sdq.views.waiting import why_waiting
    from sdq_core.models import ModelStore

    store = ModelStore(settings.models)

    def why() -> list[str]:
        status = ledger.batches.find(batch)
        return why_waiting(settings, store, ledger, status) if status else []

    return why


def _notes(ledger: Ledger, why: Callable[[], list[str]]) -> list[str]:
    """Return what the live view says below."""
    from sdq.views.status import paused_lines

    return [*paused_lines(ledger.variants.paused()), *why()]


def _print(
    ledger: Ledger | None,
    found: Sequence[BatchStatus],
    batch: str | None,
    why: Callable[[], list[str]],
) -> None:
    from sdq.views.status import status_lines

    lines = status_lines(
        found,
        ledger.batches.failed_images(found[0].id, 20) if ledger and batch else [],
        ledger.variants.paused() if ledger else [],
        ledger.batches.cut_prompts(found[0].id) if ledger and batch else [],
    )
    if found:
        lines[0] = click.style(lines[0], bold=True)
    click.echo("\n".join([*lines, *map(printable, why())]))


def _print_json(
    ledger: Ledger | None,
    found: Sequence[BatchStatus],
    batch: str | None,
    why: Callable[[], list[str]],
) -> None:
    from sdq.views.batch_object import batch_object, batch_objects

    if ledger is None:
        click.echo("[]")
        return
    if not batch:
        shown: object = batch_objects(ledger, found)
    else:
        failed = ledger.batches.failed_images(found[0].id, 20)
        shown = batch_object(
            ledger,
            found[0],
            failed_images=[
                {"entry": f.entry, "seed": f.seed, "attempts": f.attempts, "error": f.error}
                for f in failed
            ],
            cut_prompts=ledger.batches.cut_prompts(found[0].id),
            waiting=why(),
        )
    click.echo(json.dumps(shown, indent=2))
