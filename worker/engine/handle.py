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

from sdq_core.errors import EngineDiedError, EngineHungError
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
    Withdraw,
    Withdrawn,
)
from worker.engine.pipe import Pipe
from worker.pipelines.contract import ImageRequest

_POLL_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Deadlines:
    """How long an engine may send nothing, s. load_s is long: the first compile for the Neural Engine takes minutes."""

    load_s: float = 1800.0
    step_s: float = 300.0


class Engine:
    """One engine process. Not thread-safe; the worker's only thread owns it."""

    def __init__(self, launch: Launch, deadlines: Deadlines) -> None:
        self.ready: Ready | None = None
        self.loading: str | None = None  # the file name of the network being loaded
        self._deadlines = deadlines
        self._outstanding = 0
        self._heard_at = time.monotonic()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                # -P: or a `worker` or `numpy` in the current folder would be imported before ours.
                [sys.executable, "-P", "-m", "worker.engine.main", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        self._pipe = Pipe(ours)
        self._send(launch)

    @property
    def pid(self) -> int:
        """The engine's process id."""
        return self._process.pid

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

    def draw(self, request: ImageRequest) -> Drawn:
        """Draw one image on an idle engine and wait for it; raise the engine's error if it failed."""
        self.request(0, request)
        while True:
            event = self.poll(_POLL_S)
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Drawn):
                return event

    def request(self, number: int, request: ImageRequest) -> None:
        """Send the request for one image; the engine draws them in order."""
        if self._outstanding == 0:
            self._heard_at = time.monotonic()
        self._outstanding += 1
        self._send(Draw(number=number, request=request))

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
        if (
            self.ready is None or self._outstanding
        ):  # it would notice at its next step, however long that takes
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

    def _send(self, message: Launch | Order) -> None:
        try:
            self._pipe.send(message)
        except OSError as error:
            raise self._died() from error

    def _note(self, event: Event) -> None:
        self._heard_at = time.monotonic()
        match event:
            case Loading(package=package):
                self.loading = package
            case Ready():
                self.ready = event
            case Drawn() | Failed() | Dropped():
                self._outstanding -= 1
            case Withdrawn(numbers=numbers):
                self._outstanding -= len(numbers)

    def _check_deadline(self) -> None:
        silent_s = time.monotonic() - self._heard_at
        if self.ready is None:
            what, deadline_s = "loading its model", self._deadlines.load_s
        elif self._outstanding:
            what, deadline_s = "computing a step", self._deadlines.step_s
        else:
            return
        if silent_s > deadline_s:
            self.kill()
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
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return EngineDiedError(f"The engine (process {self.pid}) ended {how}.")
