"""The live view: drawn in place, a few times a second, below the lines that were said meanwhile.

Drawn by whoever does the work, between two of its duties, as a worker has one thread. The terminal's scrollback is
kept, and nothing has to be put right when the process is killed: the cursor is left visible, on an empty line.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

from rich.cells import cell_len
from rich.console import Console, ConsoleRenderable, Group, RenderHook
from rich.control import Control
from rich.live_render import LiveRender
from rich.segment import ControlType
from rich.text import Text

from db.overview import Overview
from db.values import BatchState
from sdq.views.live.frame import Shown, frame_lines
from sdq.views.live.terminal import Terminal
from sdq_core.printable import printable
from sdq_core.queue.in_hand import InHand

_FRAME_S = 0.25

#: How often to read the ledger, unless reading it would take more than one part in so many of the time.
_LOOK_S = 1.0
_LOOK_PARTS = 25
#: A ledger in trouble is left alone for a while: the work has to wait for a look that is in vain.
_AFTER_TROUBLE_S = 10.0


class LiveView(RenderHook):
    """Shows in a terminal what is being drawn, until the block ends. What is written to it appears above."""

    def __init__(
        self,
        terminal: Terminal,
        *,
        overview: Callable[[], Overview | None],
        outputs: Path,
        notes: Callable[[], Sequence[str]] = tuple,
        stays: bool = True,
    ) -> None:
        """Prepare to show.

        overview: reads what is being drawn; None for not now, and the former one is shown on.
        outputs: the folder that paths are relative to.
        notes: reads sentences to show below.
        stays: leave the last frame on the terminal.
        """
        self._terminal = terminal
        self._read_overview = overview
        self._read_notes = notes
        self._outputs = outputs
        self._stays = stays
        self._console = Console(
            file=cast("IO[str]", terminal),
            force_terminal=True,
            force_interactive=True,
            highlight=False,
        )
        self._look_at = 0.0
        self._in_trouble = False
        self._frame_at = 0.0
        self._notes: Sequence[str] = ()
        self._overview: Overview | None = None  # what was read last
        self._render = LiveRender("")
        self._frame: list[Text] = []  # what is on the terminal,
        self._widths: list[int] = []  # how wide its lines are,
        self._columns = 0  # and how wide the terminal was

    def __enter__(self) -> LiveView:
        self._console.push_render_hook(self)
        # After Ctrl-Z and `fg`, the shell has written below the frame.
        self._before = signal.signal(signal.SIGCONT, lambda _signum, _frame: self._forget())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None and not self._in_trouble:
            self._look()
        if self._overview and self._overview.batches and (self._stays or kind is not None):
            self._draw(())
        elif self._frame:
            self._render.set_renderable("")
            self._print(Control())
        signal.signal(signal.SIGCONT, self._before)
        self._console.pop_render_hook()
        self._terminal.close()

    @property
    def is_over(self) -> bool:
        """Whether nothing that it shows is still to be drawn."""
        return self._overview is not None and all(
            batch.completed_at or batch.state is BatchState.CANCELLED
            for batch in self._overview.batches
        )

    @property
    def is_lost(self) -> bool:
        """Whether the terminal is gone."""
        return self._terminal.is_gone

    def show(self, in_hand: Sequence[InHand]) -> None:
        """Draw the next frame if it is time for it; call this as often as you can."""
        now = time.monotonic()
        if now < self._frame_at:
            return
        self._frame_at = now + _FRAME_S
        if now >= self._look_at:
            self._look()
        self._draw(in_hand)

    def show_own(self, image: InHand | None) -> None:
        """Draw the next frame of a worker's own view. image: the one in its hand."""
        self.show(() if image is None else (image,))

    def write(self, text: str) -> int:
        """Say something above the frame: log lines have this for a stream."""
        if line := text.rstrip("\n"):
            self._print(Text(line, no_wrap=True, overflow="ignore"), soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        """Do nothing: what was written is on its way."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Put what is printed in the frame's place and the frame below it; rich calls this."""
        if not self._terminal.is_ours:
            self._forget()
        if not self._frame:
            return renderables
        return [self._rows_wrapped(), self._render.position_cursor(), *renderables, self._render]

    def _look(self) -> None:
        began = time.monotonic()
        found = self._read_overview()
        took_s = time.monotonic() - began
        self._in_trouble = found is None
        self._look_at = began + (
            _AFTER_TROUBLE_S if found is None else max(_LOOK_S, took_s * _LOOK_PARTS)
        )
        self._overview = found or self._overview
        self._notes = self._read_notes()

    def _draw(self, in_hand: Sequence[InHand]) -> None:
        if not self._terminal.is_ours:
            self._forget()
        elif self._overview is not None and not self._terminal.is_behind():
            columns, lines = self._terminal.size
            path = self._overview.last_path
            frame = frame_lines(
                Shown(
                    overview=self._overview,
                    in_hand=in_hand,
                    last_path=None if path is None else str(self._outputs / path),
                    notes=[
                        line
                        for note in self._notes
                        for line in Text(printable(note)).wrap(self._console, columns)
                    ],
                ),
                columns=columns,
                lines=lines,
                ascii_only=not self._console.encoding.startswith("utf"),
            )
            if (frame, columns) != (self._frame, self._columns):
                self._frame = frame
                self._render.set_renderable(Group(*frame, ""))
                self._print(Control())

    def _print(self, what: Any, **how: Any) -> None:
        self._console.size = self._terminal.size
        self._console.print(what, **how)
        self._columns = self._console.width
        self._widths = [cell_len(line.plain) for line in self._frame]

    def _rows_wrapped(self) -> Control:
        """Go up the rows that the frame has more than lines, after its terminal was made narrower."""
        columns = self._console.width
        rows = 0
        if columns < self._columns:
            rows = sum(max(width - 1, 0) // columns for width in self._widths)
        return Control(*((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2)) * rows)

    def _forget(self) -> None:
        """Draw the next frame where the cursor is then."""
        self._render = LiveRender("")
        self._frame, self._widths, self._columns = [], [], 0
