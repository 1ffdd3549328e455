"""A worker's shift: lasts until a signal or its duty's end, sends heartbeats, and waits for problems that go away."""

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
_LONGEST_WAIT_S = 5.0
_TICK_S = 0.5
_LOOK_EVERY_S = 0.5
_BEAT_AGAIN_S = 1.0

#: A large submission locks the ledger for a second or two: that is no trouble to report.
_WORTH_A_WORD_S = 3.0

#: How long to go on trying after a signal, and how often: what was just drawn is worth a moment.
_LAST_TRIES_S = 1.5
_LAST_TRIES_EVERY_S = 0.1

Result = TypeVar("Result")


class GaveUp(Exception):  # noqa: N818 - a turn of events, not an error
    """The worker was told to stop while it was waiting."""


class StopNow(BaseException):
    """The second signal: stop immediately."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class Shift:
    """From the first slice to the first signal, or the end of the worker's duty.

    The worker has one thread, so whatever takes long calls `beat`.
    """

    def __init__(
        self,
        beat: Callable[[], bool],
        *,
        look: Callable[[], None] = lambda: None,
        show: Callable[[], None] = lambda: None,
        end: Callable[[], str | None] = lambda: None,
        ends_with_stdin: bool = False,
    ) -> None:
        """Begin a shift.

        beat: sends the heartbeat, and says whether it arrived.
        look: looks after other workers, twice a second.
        show: shows what is done; called whenever there is a moment.
        end: returns why the shift is to end by itself, as a sentence, or None.
        ends_with_stdin: a closed standard input ends the shift as a signal does. A lane's standard input is a pipe from
        the command that started it, which never writes to it.
        """
        self._beat = beat
        self._next_beat = 0.0
        self._look = look
        self._next_look = 0.0
        self._show = show
        self._end = end
        self._ended = False
        self._ends_with_stdin = ends_with_stdin
        self._signal: int | None = None
        self._stopped_at = 0.0
        self._trouble_since: float | None = None
        self._told = False

    @property
    def stopping(self) -> bool:
        """Whether the worker was told to stop, or its duty has ended."""
        if not (self._ended or self._signal) and (reason := self._end()):
            self._ended = True
            self._stopped_at = time.monotonic()
            log.info("%s Stopping once the current image is saved. The rest stays queued.", reason)
        if (
            self._ends_with_stdin
            and self._signal is None
            and select.select([sys.stdin.fileno()], [], [], 0)[0]
        ):
            self._on_signal(signal.SIGTERM, None)
        return self._ended or self._signal is not None

    def signals(self) -> contextlib.AbstractContextManager[None]:
        """Let the first signal that asks for a stop end the shift while the block lasts; the second raises StopNow."""
        return handled_by(self._on_signal)

    def beat(self, *, now: bool = False) -> None:
        """Send the heartbeat if it is due, or now; look after other workers if that is due, and show what is done.

        A heartbeat is due every few seconds; every second while it does not arrive.
        """
        if now or time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + _BEAT_AGAIN_S
            if self._beat():
                self._next_beat = time.monotonic() + HEARTBEAT_EVERY_S
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LOOK_EVERY_S
            self._look()
        self._show()

    def until_done(self, action: Callable[[], Result]) -> Result:
        """Return the action's result, repeating it while it fails with a retryable error.

        Logs trouble that lasts, once, and the recovery. Other errors pass through. Raises GaveUp if the worker is told
        to stop in the meantime and the trouble does not end within a second or two. So the action itself must not wait
        for longer than that.
        """
        wait_s = _FIRST_WAIT_S
        while True:
            began = time.monotonic()
            try:
                result = action()
            except SdqError as error:
                if not error.retryable:
                    raise
                self._note_trouble(error)
            else:
                self._note_success()
                return result
            self._before_next_try(wait_s, took_s=time.monotonic() - began)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    def _note_trouble(self, error: SdqError) -> None:
        now = time.monotonic()
        self._trouble_since = self._trouble_since or now
        if not self._told and now - self._trouble_since >= _WORTH_A_WORD_S:
            log.warning("%s Waiting for it to clear.", error)
            self._told = True

    def _note_success(self) -> None:
        """End the trouble: of an action that draws for hours, its parts are the first to get through."""
        if self._told:
            log.warning("Recovered; continuing.")
        self._trouble_since, self._told = None, False

    def _before_next_try(self, wait_s: float, *, took_s: float) -> None:
        if not self.stopping:
            with contextlib.suppress(GaveUp):  # one more try, if it is a short one
                self.pause(wait_s)
        if self.stopping:
            if time.monotonic() + took_s > self._stopped_at + _LAST_TRIES_S:
                raise GaveUp
            time.sleep(_LAST_TRIES_EVERY_S)

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
        if self._ended:  # said so already
            return
        self._stopped_at = time.monotonic()
        log.warning(
            "Stopping once the current image is saved. The rest stays queued. Press Ctrl-C again to stop immediately."
        )
