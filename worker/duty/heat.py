"""Whether a Mac is too hot to go on drawing.

macOS publishes its thermal pressure as a notification's state, which needs no root: 0 nominal, 1 moderate, 2 heavy,
3 trapping, 4 sleeping. From heavy on, the chip is slowed down.
"""

from __future__ import annotations

import ctypes
import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

_NAME = b"com.apple.system.thermalpressurelevel"
_LIBRARY = "/usr/lib/libSystem.dylib"

#: Pause from this level on, and go on when it has been below for so long: a chip cools down within seconds, a case does
#: not.
HEAVY = 2
COOL_FOR_S = 60.0


class ThermalPressure:
    """The system's own thermal pressure, by `notify_register_check` and `notify_get_state` of notify.h."""

    def __init__(self, library: ctypes.CDLL | None = None) -> None:
        """Register. library: has the two functions. Raises OSError where there is no thermal pressure to read."""
        self._library = library or ctypes.CDLL(_LIBRARY)
        self._token = ctypes.c_int()
        try:
            status = self._library.notify_register_check(_NAME, ctypes.byref(self._token))
        except AttributeError as error:
            raise OSError("This system has no notify_register_check.") from error
        if status != 0:
            raise OSError(f"notify_register_check returned {status}.")

    def level(self) -> int:
        """Return the level, 0 to 4; 0 if the system does not say."""
        state = ctypes.c_uint64()
        status = self._library.notify_get_state(self._token, ctypes.byref(state))
        return int(state.value) if status == 0 else 0


class Heat:
    """Says when to pause: at once when the pressure is heavy, until it has been lower for a minute."""

    def __init__(
        self, level: Callable[[], int], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Be cool. level: returns the thermal pressure. monotonic: returns the time, s."""
        self._level = level
        self._monotonic = monotonic
        self._hot_at: float | None = None

    def is_too_hot(self) -> bool:
        """Look at the pressure; say whether to pause."""
        now = self._monotonic()
        if self._level() >= HEAVY:
            self._hot_at = now
        elif self._hot_at is not None and now - self._hot_at >= COOL_FOR_S:
            self._hot_at = None
        return self._hot_at is not None


def heat_of_this_mac() -> Callable[[], bool]:
    """Return what says whether to pause on this Mac; without a readable pressure, log that and never pause."""
    try:
        return Heat(ThermalPressure().level).is_too_hot
    except OSError as error:
        log.warning("Heat does not pause this worker: %s", error)
        return lambda: False
