"""Lanes: one worker process for each part of the chip, watched by the command that started them.

Every lane is an ordinary worker in a session of its own, so that a Ctrl-C in the terminal reaches it once, through this
process. Its standard input is a pipe from this process that never carries data. When the pipe closes, because this
process ended, the lane stops as it does at the first signal: otherwise a second set of workers could fill the memory.
Where this process shows a view in its terminal, a lane's standard error is a pipe too, whose lines it passes on.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from types import FrameType

from sdq_core.errors import (
    EXIT_FAILURE,
    EXIT_IO_ERROR,
    EXIT_OK,
    EXIT_SOME_IMAGES_FAILED,
    EXIT_TRY_AGAIN,
    EXIT_UNAVAILABLE,
)
from sdq_core.models import ModelStore
from sdq_core.printable import printable
from sdq_core.values.variants import AnyVariant, Placement, RecipeVariant
from worker.claims.signals import handled_by

log = logging.getLogger(__name__)

_TICK_S = 0.2
_LOOK_EVERY_S = 10.0
_FIRST_RESTART_S = 1.0
_LAST_RESTART_S = 60.0
#: A lane that ran for this long did not die of how it was started.
_LIVED_S = 60.0
#: How often a lane of a burst is restarted: a burst must end.
_RESTARTS_IN_A_BURST = 5

#: Exit codes after which a restart may help: a defect, an unreachable service, a failing disk. For any other, the lane
#: has logged a reason that a restart does not change.
_HEALING = frozenset({EXIT_FAILURE, EXIT_UNAVAILABLE, EXIT_IO_ERROR, EXIT_TRY_AGAIN})


class _LaneProcess:
    """One lane's worker: its current process, and when to start the next one."""

    def __init__(
        self, lane: Placement, command: Sequence[str], say: Callable[[str], object] | None
    ) -> None:
        self.lane = lane
        self.code: int | None = None
        self.starts = 0
        self._command = command
        self._say = say
        self._unsaid = b""  # a line that has not ended yet
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_at = 0.0
        self._wait_s = _FIRST_RESTART_S

    def start_when_due(self) -> None:
        if self._process is not None or self.code is not None or time.monotonic() < self._start_at:
            return
        self.starts += 1
        self._started_at = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE if self._say else None,
            start_new_session=True,
        )
        if self._process.stderr is not None:
            os.set_blocking(self._process.stderr.fileno(), False)

    @property
    def mouth(self) -> int | None:
        """The descriptor with what the process says; None if that goes to the terminal by itself."""
        return self._process.stderr.fileno() if self._process and self._process.stderr else None

    def listen(self) -> None:
        """Pass on the lines that the process has said."""
        while self._say and self._process and self._process.stderr:
            try:
                said = os.read(self._process.stderr.fileno(), 65536)
            except BlockingIOError:
                return
            if not said:
                self._process.stderr.close()
                self._process.stderr = None
                said = b"\n" if self._unsaid else b""
            *lines, self._unsaid = (self._unsaid + said).split(b"\n")
            for line in lines:
                self._say(printable(line.decode(errors="replace")))

    def look(self, *, again: Callable[[_LaneProcess, int], bool]) -> None:
        """Notice that the process ended; plan a restart if `again` allows it, else keep the exit code."""
        if self._process is None or (code := self._process.poll()) is None:
            return
        self._forget()
        if not again(self, code):
            self.code = code
            return
        if time.monotonic() - self._started_at >= _LIVED_S:
            self._wait_s = _FIRST_RESTART_S
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        log.warning("Lane %s ended %s. Restarting it in %.0f s.", self.lane, how, self._wait_s)
        self._start_at = time.monotonic() + self._wait_s
        self._wait_s = min(self._wait_s * 2, _LAST_RESTART_S)

    def stop(self) -> None:
        """Tell the worker to stop; the second time, immediately."""
        if self._process is not None:
            self._process.terminate()
        elif self.code is None:
            self.code = EXIT_OK

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._forget()

    def _forget(self) -> None:
        self.listen()
        for pipe in (self._process.stdin, self._process.stderr) if self._process else ():
            if pipe is not None:
                pipe.close()
        self._process = None


class LaneSupervisor:
    """Starts the lanes, forwards signals, restarts lanes that died, and ends when all lanes have."""

    def __init__(
        self,
        lanes: Sequence[Placement],
        command: Callable[[int], Sequence[str]],
        *,
        burst: bool,
        look: Callable[[], None],
        end: Callable[[], str | None] = lambda: None,
        say: Callable[[str], object] | None = None,
        show: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare the lanes; `run` starts them.

        command: returns the command line of the lane with that number.
        burst: lanes end by themselves when everything is drawn.
        look: called every ten seconds.
        end: returns why the lanes are to end by themselves, as a sentence, or None. A lane that was started again just
            before that would take the next 07:00 for its own.
        say: takes each line that the lanes say; None leaves this process's standard error to them.
        show: shows what is done; called several times a second.
        """
        self._lanes = [
            _LaneProcess(lane, command(number), say) for number, lane in enumerate(lanes)
        ]
        self._show = show
        self._burst = burst
        self._look = look
        self._end = end
        self._ended = False
        self._signals: list[int] = []
        self._handed_on = 0

    @property
    def stopping(self) -> bool:
        """Whether a signal has arrived, or the lanes' time is over."""
        return self._ended or bool(self._signals)

    def run(self) -> int:
        """Watch until all lanes have ended; return the exit code.

        128 + the signal after a second signal; else the first exit code other than 0 and 3; else 3 if images failed in
        any lane; else 0.
        """
        next_look = 0.0
        try:
            with handled_by(self._on_signal):
                while any(lane.code is None for lane in self._lanes):
                    self._hand_on()
                    for lane in self._lanes:
                        lane.start_when_due()
                        lane.look(again=self._again)
                    if time.monotonic() >= next_look:
                        next_look = time.monotonic() + _LOOK_EVERY_S
                        self._look()
                    self._show()
                    self._listen()
        finally:
            for lane in self._lanes:
                lane.kill()  # only where this ends by an exception
        if len(self._signals) > 1:
            return 128 + self._signals[1]
        # A lane killed by a signal before it had installed its handlers has stopped as requested.
        codes = [
            max(lane.code or 0, 0) if self.stopping else lane.code or 0 for lane in self._lanes
        ]
        reasons = [code for code in codes if code not in {EXIT_OK, EXIT_SOME_IMAGES_FAILED}]
        if reasons:
            return reasons[0] if reasons[0] > 0 else EXIT_FAILURE
        return max(codes)

    def _again(self, lane: _LaneProcess, code: int) -> bool:
        if self.stopping:
            return False
        if not (code < 0 or code in _HEALING):
            if not self._burst:  # stopped by a signal of its own, or for a reason that it logged
                log.warning(
                    "Lane %s ended and is not restarted. See its messages above.", lane.lane
                )
            return False
        if self._burst and lane.starts > _RESTARTS_IN_A_BURST:
            log.error(
                "Gave up on lane %s: it died %d times. See its messages above.",
                lane.lane,
                lane.starts,
            )
            return False
        return True

    def _listen(self) -> None:
        """Wait a moment, or until a lane says something."""
        mouths = [lane.mouth for lane in self._lanes if lane.mouth is not None]
        select.select(mouths, [], [], _TICK_S)
        for lane in self._lanes:
            lane.listen()

    def _hand_on(self) -> None:
        if not self.stopping and self._end():
            self._ended = True
            for lane in self._lanes:
                lane.stop()
        while self._handed_on < len(self._signals):
            self._handed_on += 1
            for lane in self._lanes:
                lane.stop()

    def _on_signal(self, signum: int, _frame: FrameType | None) -> None:
        self._signals.append(signum)


def threads_per_lane(lanes: int) -> int:
    """Return the threads for each lane's runtime: an equal share of the cores, at least 1."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        cores = os.cpu_count() or 1
    return max(1, cores // lanes)


def undrawable(
    lanes: Sequence[Placement], store: ModelStore, wanted: Iterable[RecipeVariant]
) -> list[RecipeVariant]:
    """Return what no lane here draws: other variants, and `any` of a model that has packages for none of the lanes."""
    return [variant for variant in wanted if not _is_drawn(lanes, store, variant)]


def _is_drawn(lanes: Sequence[Placement], store: ModelStore, variant: RecipeVariant) -> bool:
    if isinstance(variant, AnyVariant):
        here = store.attention_implementations(variant.model)
        # A model that is not installed at all is reported by the lane that tries to load it.
        return not here or any(lane.attention_implementation in here for lane in lanes)
    return any(lane.draws(variant) for lane in lanes)
