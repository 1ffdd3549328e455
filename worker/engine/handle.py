"""The worker's side of the pipe: starts, feeds, watches and ends one engine.

`sdq worker` keeps an engine busy with `request` and `poll`; callers that want one image at a time use
`wait_until_ready` and `draw`.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from sdq_core.errors import EngineDiedError, EngineHungError
from sdq_core.values.part_units import Part
from sdq_core.values.variants import ComputeUnit
from worker.engine.messages import (
    Draw,
    Drawn,
    Drop,
    Dropped,
    Event,
    Failed,
    Launch,
    LoadFailed,
    Loading,
    Order,
    Ready,
    Running,
    Withdraw,
    Withdrawn,
)
from worker.engine.pipe import Pipe
from worker.engine.watched import ALWAYS_SAID
from worker.pipelines.contract import ImageRequest

_POLL_S = 1.0

#: The signals by which a process ends through its own fault; the others come from outside.
_CRASHES = {
    signal.SIGABRT,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGSEGV,
    signal.SIGTRAP,
}


class Suspect(NamedTuple):
    """A part on the unit that it was on when the engine failed."""

    part: Part
    unit: ComputeUnit


@dataclass(frozen=True, kw_only=True)
class Deadlines:
    """How long an engine may send nothing, s. load_s is long: the first compile for the Neural Engine takes minutes."""

    load_s: float = 1800.0
    step_s: float = 300.0


class Engine:
    """One engine process. Not thread-safe; the worker's only thread owns it."""

    def __init__(self, launch: Launch, deadlines: Deadlines) -> None:
        """Start the process; raise EngineDiedError if the system has no memory or no process for it."""
        self.ready: Ready | None = None
        self.loading: Loading | None = None  # the network that was loaded last, or is being loaded
        self.is_loading = True  # also what only some images need, when the first of them is drawn
        self._running: Part | None = None
        self._has_drawn = False
        self._crashed = False
        self._deadlines = deadlines
        self._outstanding = 0
        self._heard_at = time.monotonic()
        self._process, self._pipe = _started()
        with contextlib.suppress(OSError):  # ended already, which the first `poll` tells
            self._pipe.send(launch)

    @property
    def pid(self) -> int:
        """The engine's process id."""
        return self._process.pid

    @property
    def suspect(self) -> Suspect | None:
        """What is to blame if the engine fails now: the part that it loads, uses for the first time, or encodes with.

        None where units do not differ, and for what has worked in this engine.
        """
        if self.is_loading:
            loading = self.loading
            if loading is None or loading.unit is None:
                return None
            return Suspect(loading.part, loading.unit)
        part = self._running
        if part is None or self.ready is None or self.ready.units is None:
            return None
        if self._has_drawn and part not in ALWAYS_SAID:
            return None
        return Suspect(part, self.ready.units.of(part))

    @property
    def crashed(self) -> bool:
        """Whether the process ended by a signal that its own code caused, or was killed because it hung."""
        return self._crashed

    def wait_until_ready(self, meanwhile: Callable[[], None] = lambda: None) -> Ready:
        """Wait until the pipeline is in memory.

        meanwhile: called at least once a second; an exception from it ends the wait. Raises the engine's own error if
        it could not load, EngineDiedError and EngineHungError as `poll` does.
        """
        while self.ready is None:
            meanwhile()
            event = self.poll(_POLL_S)
            if isinstance(event, LoadFailed):
                raise event.error
        return self.ready

    def draw(self, request: ImageRequest, meanwhile: Callable[[], None] = lambda: None) -> Drawn:
        """Draw one image on an idle engine and wait for it; raise the engine's error if it failed.

        meanwhile: as for `wait_until_ready`. After an exception from it, kill the engine: it is still drawing.
        """
        self.request(0, request)
        while True:
            meanwhile()
            event = self.poll(_POLL_S)
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Drawn):
                return event

    def request(self, number: int, request: ImageRequest, *, alone: bool = False) -> None:
        """Send the request for one image; the engine draws them in order. alone: as `Draw` has it."""
        if self._outstanding == 0:
            self._heard_at = time.monotonic()
        self._outstanding += 1
        self._send(Draw(number=number, request=request, alone=alone))

    def withdraw(self) -> None:
        """Tell the engine to drop what it has not begun; it answers with a Withdrawn event."""
        self._send(Withdraw())

    def drop(self, number: int) -> None:
        """Tell the engine not to go on with an image; it answers with a Dropped event, or with the image."""
        self._send(Drop(number=number))

    def poll(self, timeout_s: float) -> Event | None:
        """Wait for the next event, at most timeout_s seconds.

        Raises EngineDiedError if the process has ended. If it sent nothing for longer than its deadline, kills it and
        raises EngineHungError.
        """
        try:
            event: Event | None = self._pipe.receive(timeout_s)
        # ValueError: the pipe was closed when a request found the engine dead.
        except (EOFError, OSError, ValueError) as error:
            raise self._died() from error
        if event is None:
            self._check_deadline()
        else:
            self._note(event)
        return event

    def close(self) -> None:
        """End the engine; its memory is released when this returns. One that is loading or drawing is killed."""
        with contextlib.suppress(OSError):
            self._pipe.close()
        # It would notice at its next step, however long that takes.
        if self.ready is None or self._outstanding:
            self._process.kill()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """Kill the engine."""
        self._process.kill()
        self.close()

    def _send(self, message: Order) -> None:
        try:
            self._pipe.send(message)
        except OSError as error:
            raise self._died() from error

    def _note(self, event: Event) -> None:
        self._heard_at = time.monotonic()
        # A failure ends no load: it tells how that ended.
        if not isinstance(event, Failed | LoadFailed):
            self.is_loading = isinstance(event, Loading) or self.ready is None
        match event:
            case Loading():
                self.loading = event
            case Running(part=part):
                self._running = part
            case Ready():
                self.ready, self.is_loading = event, False
            case Drawn():
                self._has_drawn = True
                self._outstanding -= 1
            case Failed() | Dropped():
                self._outstanding -= 1
            case Withdrawn(numbers=numbers):
                self._outstanding -= len(numbers)

    def _check_deadline(self) -> None:
        silent_s = time.monotonic() - self._heard_at
        if self.ready is None or (self.is_loading and self._outstanding):
            what, deadline_s = "loading its model", self._deadlines.load_s
        elif self._outstanding:
            what, deadline_s = "computing a step", self._deadlines.step_s
        else:
            return
        if silent_s > deadline_s:
            self.kill()
            self._crashed = True
            raise EngineHungError(
                f"The engine sent nothing for {silent_s:.0f} s while {what} and was stopped. "
                f"The limit is {deadline_s:.0f} s."
            )

    def _died(self) -> EngineDiedError:
        try:
            code = self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:  # its pipe is closed, so it is useless
            self._process.kill()
            code = self._process.wait()
        with contextlib.suppress(OSError):
            self._pipe.close()
        self._crashed = -code in _CRASHES
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return EngineDiedError(f"The engine (process {self.pid}) ended {how}.")


def _started() -> tuple[subprocess.Popen[bytes], Pipe]:
    """Start an engine's process; return it with our end of its pipe."""
    try:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = subprocess.Popen(
                    # -P: or a `worker` or `numpy` in the current folder would be imported before ours.
                    [sys.executable, "-P", "-m", "worker.engine.main", str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                )
            except BaseException:
                ours.close()
                raise
    except OSError as error:
        raise EngineDiedError(
            f"The engine could not be started ({error.strerror}). End other programs, or free some memory."
        ) from error
    return process, Pipe(ours)
