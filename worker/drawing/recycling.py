"""When an engine is replaced by a fresh one, between two images: a runtime may keep memory that only its end frees."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from sdq_core.errors import UsageError
from sdq_core.printable import quote
from worker.engine.handle import Engine
from worker.engine.memory import resident_bytes

#: A look at an engine's memory is a process on a Mac, so not after each image.
_LOOK_EVERY_S = 30.0

#: By default, an engine that has grown by so much since its 20th image is replaced: a long run then needs at most half
#: as much memory again as its first minutes, at the price of a load each time. One that does not grow is never
#: replaced; a fixed number of images would cost loads on every machine, also where nothing stays behind.
_SETTLED_AFTER = 20
_GROWN_BY = 0.5
_GROWN_BY_BYTES = 512 << 20

_UNITS = {"MB": 10**6, "GB": 10**9}
_LIMIT = re.compile(r"([1-9][0-9]{0,8}) ?(MB|GB)?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class RecycleAfter:
    """When to replace an engine. images: after so many. resident_bytes: above this size. None: not for that reason."""

    images: int | None = None
    resident_bytes: int | None = None

    @classmethod
    def parse(cls, text: str) -> RecycleAfter:
        """Read 500 (images), 4000MB or 4GB; raise UsageError for anything else."""
        found = _LIMIT.fullmatch(text.strip())
        if found is None:
            raise UsageError(
                f"{quote(text)} is neither a number of images nor a size: write 500 or 4000MB."
            )
        if unit := found[2]:
            return cls(resident_bytes=int(found[1]) * _UNITS[unit.upper()])
        return cls(images=int(found[1]))


@dataclass(kw_only=True)
class _Wear:
    """One engine's past. settled_bytes: its size once it had drawn a few images."""

    images: int = 0
    settled_bytes: int | None = None
    look_at: float = 0.0
    grown: bool = False


class Recycling:
    """One worker's engines: how much each has drawn and grown."""

    def __init__(
        self,
        after: RecycleAfter | None = None,
        *,
        resident_bytes: Callable[[int], int | None] = resident_bytes,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Know no engine yet.

        after: when to replace an engine; None for when it has grown.
        resident_bytes: returns the resident size of a process, None if it cannot be found out.
        monotonic: returns the time, s.
        """
        self._after = after
        self._resident_bytes = resident_bytes
        self._monotonic = monotonic
        self._wear: WeakKeyDictionary[Engine, _Wear] = WeakKeyDictionary()

    def note_drawn(self, engine: Engine) -> None:
        """Count an image."""
        self._of(engine).images += 1

    def is_due(self, engine: Engine, *, asked: int = 0) -> bool:
        """Whether to request nothing more from an engine and replace it. asked: images that it has not answered yet."""
        wear = self._of(engine)
        if self._after is not None and self._after.images is not None:
            return wear.images + asked >= self._after.images
        now = self._monotonic()
        if not wear.grown and wear.images and now >= wear.look_at:
            wear.look_at = now + _LOOK_EVERY_S
            wear.grown = self._has_grown(wear, self._resident_bytes(engine.pid))
        return wear.grown

    def _has_grown(self, wear: _Wear, size: int | None) -> bool:
        if size is None:
            return False
        if self._after is not None:
            return self._after.resident_bytes is not None and size > self._after.resident_bytes
        if wear.settled_bytes is None:
            if wear.images >= _SETTLED_AFTER:
                wear.settled_bytes = size
            return False
        return size > wear.settled_bytes + max(_GROWN_BY * wear.settled_bytes, _GROWN_BY_BYTES)

    def _of(self, engine: Engine) -> _Wear:
        return self._wear.setdefault(engine, _Wear())
