"""The live view on a command's terminal, if it has one."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from sdq_core.errors import SdqError
from sdq_core.settings import Settings

if TYPE_CHECKING:
    from db.ledger import Ledger
    from db.overview import Overview
    from db.values import BatchStatus
    from sdq.views.live.view import LiveView

_TICK_S = 0.125
_NOTES_EVERY_S = 5.0


@contextlib.contextmanager
def live_view(
    stream: TextIO,
    settings: Settings,
    *,
    overview: Callable[[], Overview | None],
    notes: Callable[[], Sequence[str]] = tuple,
    stays: bool = True,
) -> Iterator[LiveView | None]:
    """Yield the view on the terminal that a stream leads to, with the log above it; None if there is none to draw on.

    The other arguments are those of `LiveView`. Without a terminal, rich is not imported.
    """
    from sdq.views.live.terminal import Terminal

    terminal = Terminal.behind(stream, os.environ.get("TERM", ""))
    if terminal is None:
        yield None
        return
    from sdq.views.live.view import LiveView

    with (
        LiveView(
            terminal, overview=overview, outputs=settings.outputs, notes=notes, stays=stays
        ) as view,
        _logging_to(view),
    ):
        yield view


@contextlib.contextmanager
def worker_view(
    settings: Settings, ledger: Ledger, *, quiet: bool, batch_id: int | None = None
) -> Iterator[LiveView | None]:
    """Yield the view on a worker's standard error, beside its work; None if it is to be quiet or has no terminal.

    batch_id: show this batch only.
    """

    def overview() -> Overview | None:
        with contextlib.suppress(SdqError):  # the worker meets the same trouble, and says so
            return ledger.batches.overview(batch_id)
        return None

    if quiet:
        yield None
        return
    with live_view(sys.stderr, settings, overview=overview) as view:
        yield view


def watch_ledger(
    settings: Settings,
    ledger: Ledger,
    batch: BatchStatus | None,
    *,
    notes: Callable[[], Sequence[str]],
) -> bool:
    """Show a batch, or all that are not finished, on standard output until they are; return False without a terminal.

    notes: reads sentences to show below.
    """
    from sdq.views.live.hands import Hands, running_queues

    hands = Hands(lambda: running_queues(settings, ledger.id))
    batch_id, name = (batch.id, batch.name) if batch else (None, None)
    said = _seldom(notes)

    def overview() -> Overview:
        return ledger.batches.overview(batch_id)

    with live_view(sys.stdout, settings, overview=overview, notes=said, stays=False) as view:
        if view is None:
            return False
        while not (view.is_over or view.is_lost):
            view.show(hands.images(name))
            time.sleep(_TICK_S)
    return True


def _seldom(read: Callable[[], Sequence[str]]) -> Callable[[], Sequence[str]]:
    """Return what reads every few seconds only: it looks at the files of models, and into Redis."""
    latest: Sequence[str] = ()
    read_at = 0.0

    def reading() -> Sequence[str]:
        nonlocal latest, read_at
        if time.monotonic() >= read_at:
            read_at = time.monotonic() + _NOTES_EVERY_S
            latest = read()
        return latest

    return reading


@contextlib.contextmanager
def _logging_to(view: LiveView) -> Iterator[None]:
    """Let the log lines that would go to standard error appear above a view."""
    handlers = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr
    ]
    for handler in handlers:
        handler.setStream(view)
    try:
        yield
    finally:
        for handler in handlers:
            handler.setStream(sys.stderr)
