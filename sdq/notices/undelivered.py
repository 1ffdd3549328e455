"""What a receiver could not be told, and a limit on how long to try."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


class Undelivered(Exception):  # noqa: N818 - one receiver's; the others are told
    """A receiver was not told. The message is the rest of a sentence about it, without anything secret."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise Undelivered if the block takes longer: libraries have limits for each answer, not for all of them together.

    Only for the main thread. A timer that was set before goes on afterwards.
    """

    def late(_signum: int, _frame: FrameType | None) -> None:
        raise Undelivered(f"did not answer within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *timer)
