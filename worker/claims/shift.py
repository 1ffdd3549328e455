"""A worker's shift: lasts until a signal, sends heartbeats, and waits for problems that go away."""

from __future__ import annotations

import contextlib
import logging
import select
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from sdq_core.errors import SdqError
from worker.claims.rq_worker import HEARTBEAT_EVERY_S
from worker.claims.signals import handled_by

log = logging.getLogger(__name__)

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_TICK_S = 0.5
_LOOK_EVERY_S = 0.5
_BEAT_AGAIN_S = 1.0

Result = TypeVar("Result")


class GaveUp(Exception):  # noqa: N818 - a turn of events, not an error
    """The worker was told to stop while it was waiting."""


class StopNow(BaseException):
    """The second signal: stop immediately."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class Shift:
    """From the first slice to the first signal. The worker has one thread, so whatever takes long calls `beat`."""

    def __init__(
        self,
        beat: Callable[[], bool],
        *,
        look: Callable[[], None] = lambda: None,
        ends_with_stdin: bool = False,
    ) -> None:
        """Begin a shift.

        beat: sends the heartbeat, and says whether it arrived.
        look: looks after other workers.
        ends_with_stdin: a closed standard input ends the shift as a signal does. A lane's standard input is a pipe from
        the command that started it, which never writes to it.
        """
        self._beat = beat
        self._next_beat = 0.0
        self._look = look
        self._next_look = 0.0
        self._ends_with_stdin = ends_with_stdin
        self._signal: int | None = None

    @property
    def stopping(self) -> bool:
        """Whether the worker was told to stop."""
        if (
            self._ends_with_stdin
            and self._signal is None
            and select.select([sys.stdin.fileno()], [], [], 0)[0]
        ):
            self._on_signal(signal.SIGTERM, None)
        return self._signal is not None

    def signals(self) -> contextlib.AbstractContextManager[None]:
        """Let the first signal that asks for a stop end the shift while the block lasts; the second raises StopNow."""
        return handled_by(self._on_signal)

    def beat(self, *, now: bool = False) -> None:
        """Send the heartbeat if it is due, or now; look after other workers if that is due.

        A heartbeat is due every few seconds; every second while it does not arrive.
        """
        if now or time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + _BEAT_AGAIN_S
            if self._beat():
                self._next_beat = time.monotonic() + HEARTBEAT_EVERY_S
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LOOK_EVERY_S
            self._look()

    def until_done(self, action: Callable[[], Result]) -> Result:
        """Return the action's result, repeating it while it fails with a retryable error.

        Logs the first failure and the recovery. Other errors pass through. Raises GaveUp if the worker is told to stop
        in the meantime.
        """
        wait_s = _FIRST_WAIT_S
        told = False
        while True:
            try:
                result = action()
            except SdqError as error:
                if not error.retryable:
                    raise
                if not told:
                    log.warning("%s Waiting for it to clear.", error)
                    told = True
            else:
                if told:
                    log.warning("Recovered; continuing.")
                return result
            self.pause(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    def pause(self, seconds: float) -> None:
        """Wait while sending heartbeats; raise GaveUp if the worker is told to stop."""
        end = time.monotonic() + seconds
        while (left_s := end - time.monotonic()) > 0:
            if self.stopping:
                raise GaveUp
            time.sleep(min(_TICK_S, left_s))
            self.beat()
        if self.stopping:
            raise GaveUp

    def _on_signal(self, signum: int, _frame: FrameType | None) -> None:
        if self._signal is not None:
            raise StopNow(signum)
        self._signal = signum
        log.warning(
            "Stopping once the current image is saved. The rest stays queued. Press Ctrl-C again to stop immediately."
        )
