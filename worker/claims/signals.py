"""The signals that ask for a stop."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

Handler = Callable[[int, FrameType | None], None]

#: Ctrl-C, a service manager, and a terminal that closes.
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def handled_by(handler: Handler) -> Iterator[None]:
    """Let a function handle every signal that asks for a stop while the block lasts.

    A SIGHUP that is ignored stays so: `nohup` means that the closed terminal is no reason to stop.
    """
    before = {
        number: signal.signal(number, handler)
        for number in _STOPS
        if not (number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN)
    }
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
