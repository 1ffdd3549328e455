"""Sends notices beside the drawing: each in a child process with a deadline, which the worker never waits for.

A notice is in the ledger since what it tells of happened. Whichever worker looks first claims it; the claim of one that
died is taken over. What was told is noted receiver by receiver, so that a receiver is told twice only if a worker died
between telling it and noting that.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from db.ledger import Ledger
from db.values import Notice, NoticeEvent
from sdq_core.errors import SdqError
from sdq_core.values.receivers import Receivers

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 5.0
_POLL_S = 0.05

#: A worker that ends says what it waits for only if that takes a while.
_WORTH_A_WORD_S = 3.0

#: How long to leave a notice that nobody here wants to be told of to workers with other settings.
_LEFT_TO_OTHERS_S = 30.0

#: Time for everything that one notice has to do, a command of several minutes included.
DEADLINE_S = 1200.0

#: How often to start a child for a notice, and how long to wait in between: it may lack memory, or its ledger.
_STARTS = 3
_START_AGAIN_S = 30.0

_MOST_SAID_BYTES = 16_384


@dataclass(frozen=True, kw_only=True)
class Sender:
    """The program that sends a notice.

    command: is started with the notice's id and the worker's name behind it. It notes in the ledger what it did, closes
        the notice and ends with 0. What it prints is logged.
    environment: its whole environment.
    """

    command: Sequence[str]
    environment: Mapping[str, str]


class Messenger:
    """One worker's messenger. Never fails: what cannot be told now is told later, or logged once and given up."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        worker: str,
        living: Callable[[], Collection[str] | None],
        defaults: Receivers,
        reports: bool,
        sender: Sender | None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        """Send nothing yet.

        living: returns the workers that live, None if that cannot be known now.
        defaults: who is told of batches that name nobody themselves.
        reports: whether a page is to be written for each batch that ends.
        deadline_s: how long a child may take, s.
        """
        self._ledger = ledger
        self._worker = worker
        self._living = living
        self._defaults = defaults
        self._reports = reports
        self._sender = sender
        self._deadline_s = deadline_s
        self._look_at = 0.0
        self._child: _Child | None = None
        self._starts: Counter[int] = Counter()  # by notice
        self._said: set[str] = set()
        self._unwanted_since: dict[int, float] = {}  # by notice

    def look(self) -> None:
        """Notice that the child ended; every few seconds, start one for the next notice."""
        if self._sender is None:
            return
        if self._child is not None:
            self._watch(self._child)
        if self._child is None and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_EVERY_S
            with contextlib.suppress(SdqError):  # the notices are still there at the next look
                self._start_next(self._sender, leave_s=_LEFT_TO_OTHERS_S)

    def close(self, beat: Callable[[], None]) -> None:
        """Send what is to be sent now, and wait until it is. beat: is called meanwhile."""
        if self._sender is None:
            return
        say_at = time.monotonic() + _WORTH_A_WORD_S
        try:
            while True:
                if self._child is not None:
                    self._watch(self._child)
                if self._child is None:
                    with contextlib.suppress(SdqError):
                        self._start_next(self._sender, leave_s=0.0)
                    if self._child is None:
                        return
                if time.monotonic() >= say_at:
                    say_at = float("inf")
                    log.warning("Waiting until everybody is told of what has ended.")
                beat()
                time.sleep(_POLL_S)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """Send no more, and leave the notice in hand to the next worker."""
        self._sender = None
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _start_next(self, sender: Sender, *, leave_s: float) -> None:
        """Start a child for the next notice that this worker may send; dismiss those that nobody wants.

        leave_s: how long to leave those to others, if there are any.
        """
        while True:
            unwanted = []
            for notice in self._ledger.notices.open():
                if not self._is_wanted(notice):
                    unwanted += [notice.id] if notice.claimed_by is None else []
                elif self._may_take(notice) and self._ledger.notices.claim(notice, self._worker):
                    self._start(sender, notice)
                    return
            dismissed = self._to_dismiss(unwanted, leave_s)
            if not dismissed:
                return
            self._ledger.notices.dismiss(dismissed)  # behind these, others may be due

    def _is_wanted(self, notice: Notice) -> bool:
        receivers = notice.receivers.over(self._defaults)
        if notice.event is NoticeEvent.STARTED:
            return receivers.ping is not None
        return bool(receivers) or (self._reports and notice.event is NoticeEvent.COMPLETED)

    def _to_dismiss(self, unwanted: Sequence[int], leave_s: float) -> Sequence[int]:
        """Return which of the notices that nobody here wants may be dismissed now.

        Other workers may have other settings, and are given the time to look.
        """
        now = time.monotonic()
        self._unwanted_since = {id_: self._unwanted_since.get(id_, now) for id_ in unwanted}
        left = [id_ for id_, since in self._unwanted_since.items() if now >= since + leave_s]
        if leave_s and len(left) == len(unwanted):
            return left
        living = self._living()
        if living is not None and not set(living) - {self._worker}:
            return unwanted
        return left if leave_s else ()

    def _may_take(self, notice: Notice) -> bool:
        if notice.claimed_by in {None, self._worker}:
            return True
        living = self._living()
        return living is not None and notice.claimed_by not in living

    def _start(self, sender: Sender, notice: Notice) -> None:
        self._starts[notice.id] += 1
        command = [*sender.command, str(notice.id), self._worker]
        try:
            self._child = _Child(notice, command, sender.environment, self._deadline_s)
        except OSError as error:  # no memory, no processes
            self._again_or_never(notice, f"no process could be started ({error.strerror})")

    def _watch(self, child: _Child) -> None:
        """Forget the child if it has ended, or kill it if it is late."""
        code = child.poll()
        if code is None:
            return
        self._child = None
        for line in child.said():
            if line not in self._said:  # by a child before, for the same notice
                self._said.add(line)
                log.warning("%s", line)
        if child.is_late:
            self._give_up(child.notice, "it took too long")
        elif code:
            self._again_or_never(child.notice, f"its process ended with code {code}")
        else:
            self._forget(child.notice)
            self._look_at = 0.0  # the end of a short batch may be due behind its beginning

    def _again_or_never(self, notice: Notice, reason: str) -> None:
        self._look_at = time.monotonic() + _START_AGAIN_S
        if self._starts[notice.id] >= _STARTS:
            self._give_up(notice, reason)

    def _give_up(self, notice: Notice, reason: str) -> None:
        self._forget(notice)
        log.warning(
            "Gave up telling that batch %s is %s: %s. The batch is not affected.",
            notice.batch_name,
            notice.event,
            reason,
        )
        with contextlib.suppress(SdqError):
            self._ledger.notices.finish(notice.id, self._worker)

    def _forget(self, notice: Notice) -> None:
        self._starts.pop(notice.id, None)
        self._said.clear()


class _Child:
    """A process that sends one notice, in a session of its own."""

    def __init__(
        self,
        notice: Notice,
        command: Sequence[str],
        environment: Mapping[str, str],
        deadline_s: float,
    ) -> None:
        self.notice = notice
        self.is_late = False
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe that is not read would stop it
        self._late_at = time.monotonic() + deadline_s
        try:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=self._said,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for the worker
            )  # fmt: skip
        except BaseException:
            self._said.close()
            raise

    def poll(self) -> int | None:
        """Return the exit code, None while it runs; kill it if it is late."""
        if time.monotonic() >= self._late_at and self._process.poll() is None:
            self.is_late = True
            self._end()
        return self._process.poll()

    def kill(self) -> None:
        self._end()
        self._said.close()

    def said(self) -> list[str]:
        """Return the lines that it printed; once."""
        with self._said as file:
            file.seek(0)
            text = file.read(_MOST_SAID_BYTES).decode(errors="replace")
        return [line for line in text.splitlines() if line.strip()]

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
