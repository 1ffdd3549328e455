"""Lanes: one worker process for each part of the chip, watched by the command that started them.

Every lane is a worker like any other, in a session of its own, so that a Ctrl-C in the terminal reaches it once,
through here. Its standard input is a pipe from here that says nothing and ends with this process: a lane that is left
alone stops as at the first signal, so that no second pair of workers fills the memory.
"""

from __future__ import annotations

import logging
import os
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
from sdq_core.values.variants import AnyVariant, Placement, RecipeVariant
from worker.claims.signals import handled_by

log = logging.getLogger(__name__)

_TICK_S = 0.2
_LOOK_EVERY_S = 10.0
_FIRST_RESTART_S = 1.0
_LAST_RESTART_S = 60.0
#: A lane that lived so long did not die of how it was started.
_LIVED_S = 60.0
#: With an end in sight a lane is not started for ever.
_RESTARTS_IN_A_BURST = 5

#: Ends that another start may mend: a defect, a service or a disk that is away; any other has been said and stays.
_HEALING = frozenset({EXIT_FAILURE, EXIT_UNAVAILABLE, EXIT_IO_ERROR, EXIT_TRY_AGAIN})


class _LaneProcess:
    """One lane's worker: the process now, and when it is started again."""

    def __init__(self, lane: Placement, command: Sequence[str]) -> None:
        self.lane = lane
        self.code: int | None = None
        self.starts = 0
        self._command = command
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
            self._command, stdin=subprocess.PIPE, start_new_session=True
        )

    def look(self, *, again: Callable[[_LaneProcess, int], bool]) -> None:
        """Note an end; plan another start where `again` wants it, else keep the exit code."""
        if self._process is None or (code := self._process.poll()) is None:
            return
        self._forget()
        if not again(self, code):
            self.code = code
            return
        if time.monotonic() - self._started_at >= _LIVED_S:
            self._wait_s = _FIRST_RESTART_S
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        log.warning(
            "Lane %s ended %s; it is started again in %.0f s.", self.lane, how, self._wait_s
        )
        self._start_at = time.monotonic() + self._wait_s
        self._wait_s = min(self._wait_s * 2, _LAST_RESTART_S)

    def stop(self) -> None:
        """Tell the worker to end; twice, at once."""
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
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None


class LaneSupervisor:
    """Starts the lanes, hands signals on, starts a lane that died again, and ends when all have."""

    def __init__(
        self,
        lanes: Sequence[Placement],
        command: Callable[[int], Sequence[str]],
        *,
        burst: bool,
        look: Callable[[], None],
    ) -> None:
        """Prepare; `run` starts.

        command: gives the command line of the lane of that number. burst: lanes end by themselves when all is drawn.
        look: called every ten seconds.
        """
        self._lanes = [_LaneProcess(lane, command(number)) for number, lane in enumerate(lanes)]
        self._burst = burst
        self._look = look
        self._signals: list[int] = []
        self._handed_on = 0

    @property
    def stopping(self) -> bool:
        """Whether a signal came."""
        return bool(self._signals)

    def run(self) -> int:
        """Watch until all lanes have ended; give the exit code.

        That is 128 + the signal after a second one; else the first that says more than how images went; else 3 when
        images failed in any lane, and 0.
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
                    time.sleep(_TICK_S)
        finally:
            for lane in self._lanes:
                lane.kill()  # only where this ends by an exception
        if len(self._signals) > 1:
            return 128 + self._signals[1]
        # A lane that a signal found before it could listen has ended as it was told to.
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
            if not self._burst:  # told to end itself, or for a reason that it gave
                log.warning("Lane %s has ended and is not started again.", lane.lane)
            return False
        if self._burst and lane.starts > _RESTARTS_IN_A_BURST:
            log.error("Lane %s died %d times and is given up.", lane.lane, lane.starts)
            return False
        return True

    def _hand_on(self) -> None:
        while self._handed_on < len(self._signals):
            self._handed_on += 1
            for lane in self._lanes:
                lane.stop()

    def _on_signal(self, signum: int, _frame: FrameType | None) -> None:
        self._signals.append(signum)


def threads_per_lane(lanes: int) -> int:
    """Divide the cores among the lanes' portable runtimes, one at least."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        cores = os.cpu_count() or 1
    return max(1, cores // lanes)


def undrawable(
    lanes: Sequence[Placement], store: ModelStore, wanted: Iterable[RecipeVariant]
) -> list[RecipeVariant]:
    """Pick what no lane here draws: other variants, and any variant of a model without packages for a lane."""
    return [variant for variant in wanted if not _is_drawn(lanes, store, variant)]


def _is_drawn(lanes: Sequence[Placement], store: ModelStore, variant: RecipeVariant) -> bool:
    if isinstance(variant, AnyVariant):
        here = store.attention_implementations(variant.model)
        # A model that is not here at all is said by the lane that meets it.
        return not here or any(lane.attention_implementation in here for lane in lanes)
    return any(lane.draws(variant) for lane in lanes)
