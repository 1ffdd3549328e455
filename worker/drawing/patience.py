"""Waiting for trouble that heals: a full disk, a locked database, a Redis that is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sdq_core.errors import SdqError

log = logging.getLogger(__name__)

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_TICK_S = 0.5

Result = TypeVar("Result")


class GaveUp(Exception):  # noqa: N818 - a turn of events, not an error
    """The worker was told to stop while it waited."""


class Patience:
    """Repeats what failed for a reason outside the image until it succeeds, and says so once."""

    def __init__(self, *, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        self._stopping = stopping
        self._beat = beat

    def until_done(self, action: Callable[[], Result]) -> Result:
        """Give the action's result, however long it takes.

        Errors that do not heal by waiting pass through. Raises GaveUp when the worker is told to stop meanwhile.
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
                    log.warning("%s. Waiting until that is over.", str(error).rstrip("."))
                    told = True
            else:
                if told:
                    log.warning("That is over; going on.")
                return result
            self.pause(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    def pause(self, seconds: float) -> None:
        """Wait, with heartbeats; raise GaveUp when the worker is told to stop."""
        end = time.monotonic() + seconds
        while (left_s := end - time.monotonic()) > 0:
            if self._stopping():
                raise GaveUp
            time.sleep(min(_TICK_S, left_s))
            self._beat()
        if self._stopping():
            raise GaveUp
