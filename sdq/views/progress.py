"""Live progress of one batch on standard error: a bar in a terminal, elsewhere a line every ten seconds."""

from __future__ import annotations

import contextlib
import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from db.ledger import Ledger
from db.values import Slice
from sdq.views.words import duration

_PLAIN_LINE_EVERY_S = 10.0


class BatchProgress:
    """Shows the progress of a batch while this process draws it."""

    def __init__(self, ledger: Ledger, batch_id: int, *, quiet: bool) -> None:
        status = ledger.batches.find(batch_id)
        self._batch_id = batch_id
        self._total = status.total if status else 0
        self._settled = status.completed + status.failed if status else 0
        self._quiet = quiet
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._started = time.monotonic()
        self._next_line = 0.0
        self._drawn = 0

    def __enter__(self) -> BatchProgress:
        if not self._quiet and self._console.is_terminal:
            self._bar = Progress(
                TextColumn("drawing"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._task = self._bar.add_task("", total=self._total, completed=self._settled)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def settled(self, slice_: Slice, seed: int, error: str | None) -> None:  # noqa: ARG002
        """Count one image that is drawn or given up."""
        if slice_.batch_id != self._batch_id:
            return
        self._settled += 1
        self._drawn += 1
        with contextlib.suppress(OSError):  # a full disk of a log is no reason to stop drawing
            self._show()

    def _show(self) -> None:
        if self._bar:
            self._bar.update(self._task, completed=self._settled)
        elif not self._quiet and (
            time.monotonic() >= self._next_line or self._settled == self._total
        ):
            self._next_line = time.monotonic() + _PLAIN_LINE_EVERY_S
            each_s = (time.monotonic() - self._started) / self._drawn
            left = duration(each_s * (self._total - self._settled))
            self._console.print(f"{self._settled:,} of {self._total:,} images, {left} left")
