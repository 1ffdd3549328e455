"""A worker's duty: whether it is over, and whether to draw at this moment. Asked between two images.

The wall clock decides where people name a time, so sleep and a clock that is set do no harm; the monotonic clock
decides how long the worker has worked.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from worker.duty.heat import heat_of_this_mac
from worker.duty.limits import Limits
from worker.duty.power import on_battery

log = logging.getLogger(__name__)


#: How often to look at the machine: pmset is a process.
_LOOK_EVERY_S = 15.0


def _now() -> datetime:
    return datetime.now(UTC)


class Duty:
    """One worker's duty, from the moment that it is made."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        now: Callable[[], datetime] = _now,
        monotonic: Callable[[], float] = time.monotonic,
        on_battery: Callable[[], bool] = on_battery,
        is_too_hot: Callable[[], bool] | None = None,
    ) -> None:
        """Begin.

        now, monotonic: return the time: aware, and in s.
        on_battery, is_too_hot: look at the machine; by default at this one.
        """
        self._limits = limits or Limits()
        self._now = now
        self._monotonic = monotonic
        self._on_battery = on_battery
        self._is_too_hot = is_too_hot
        if is_too_hot is None and self._limits.pause_when_hot:
            self._is_too_hot = heat_of_this_mac()
        self._began = monotonic()
        self._look_at = float("-inf")
        self._machine: str | None = None  # why it is not to draw now
        self._resting: str | None = None

    def end(self, drawn: int) -> str | None:
        """Return why the worker is to end now, as a sentence; None if it is to go on.

        drawn: how many images it has drawn.
        """
        limits = self._limits
        if limits.max_images is not None and drawn >= limits.max_images:
            return "All images of --max-images are drawn."
        if limits.max_s is not None and self._monotonic() >= self._began + limits.max_s:
            return "The time of --max-minutes is over."
        if limits.until is not None and self._now() >= limits.until:
            return f"It is {limits.until.astimezone():%H:%M}, the end of --until."
        return None

    def allows(self, images: int) -> bool:
        """Whether the worker may draw one more. images: how many it has drawn or requested."""
        return self._limits.max_images is None or images < self._limits.max_images

    def rests(self) -> bool:
        """Whether to draw nothing for now; logs when that changes."""
        reason = self._reason_to_rest()
        if reason != self._resting:
            log.info("%s", reason or "Drawing again.")
            self._resting = reason
        return reason is not None

    def is_outside_hours(self) -> bool:
        """Whether the clock shows a time outside the worker's hours."""
        hours = self._limits.hours
        return hours is not None and not hours.contain(self._now())

    def _reason_to_rest(self) -> str | None:
        if self.is_outside_hours():
            return f"Outside the hours {self._limits.hours}: drawing nothing until they begin."
        if self._monotonic() >= self._look_at:
            self._look_at = self._monotonic() + _LOOK_EVERY_S
            self._machine = self._look_at_machine()
        return self._machine

    def _look_at_machine(self) -> str | None:
        if self._limits.on_ac_only and self._on_battery():
            return "On battery power: drawing nothing until the machine is plugged in."
        if self._is_too_hot is not None and self._is_too_hot():
            return "The machine is hot: drawing nothing until it has been cooler for a minute."
        return None
