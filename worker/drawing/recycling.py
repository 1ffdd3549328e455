"""When an engine is replaced by a fresh one, between two images: a runtime may keep memory that only its end frees."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from sdq_core.errors import UsageError
from sdq_core.printable import quote
from sdq_core.values.sizes import parse_size
from sdq_core.values.variants import Variant
from worker.engine.handle import Engine
from worker.engine.memory import memory_bytes
from worker.engine.turns import Turns

log = logging.getLogger(__name__)

#: A look at an engine's memory takes some ms, so not after each image.
_LOOK_EVERY_S = 30.0

#: By default, an engine that has grown by so much since its 20th image is replaced: a long run then needs at most half
#: as much memory again as its first minutes, at the price of a load each time. One that does not grow is never
#: replaced; a fixed number of images would cost loads on every machine, also where nothing stays behind.
_SETTLED_AFTER = 20
_GROWN_BY = 0.5
_GROWN_BY_BYTES = 512 << 20

#: Images between two replacements for a size: an engine that is soon as large as the one before it is left alone, or a
#: night would be spent loading.
_REST_IMAGES = 50

_COUNT = re.compile("[1-9][0-9]{0,8}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class RecycleAfter:
    """When to replace an engine. images: after so many. memory_bytes: above this size. None: not for that reason."""

    images: int | None = None
    memory_bytes: int | None = None

    @classmethod
    def parse(cls, text: str) -> RecycleAfter:
        """Read 500 (images), 4000MB or 4GB; raise UsageError for anything else."""
        if _COUNT.fullmatch(text.strip()):
            return cls(images=int(text))
        size = parse_size(text)
        if size is None:
            raise UsageError(
                f"{quote(text)} is neither a number of images nor a size: write 500 or 4000MB."
            )
        return cls(memory_bytes=size)


@dataclass(kw_only=True)
class _Wear:
    """One engine's past.

    least_bytes: its smallest size so far.
    settled_bytes: its size once it had drawn a few images.
    """

    images: int = 0
    least_bytes: int | None = None
    settled_bytes: int | None = None
    look_at: float = 0.0
    grown: bool = False


class Recycling:
    """One worker's engines: how much each has drawn and grown."""

    def __init__(
        self,
        after: RecycleAfter | None = None,
        *,
        max_memory: int | None = None,
        turns: Turns | None = None,
        memory_bytes: Callable[[int], int | None] = memory_bytes,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Know no engine yet.

        after: when to replace an engine; None for when it has grown.
        max_memory: replace it above this size too, bytes; None for no limit.
        turns: the variants whose parts take turns in memory: of their engines only images are counted, because their
            sizes come and go, and what a runtime keeps goes with each part. One above `max_memory` becomes one of them.
        memory_bytes: returns what a process takes, None if it cannot be found out.
        monotonic: returns the time, s.
        """
        self._after = after
        self._limit = min(
            (size for size in (after and after.memory_bytes, max_memory) if size), default=None
        )
        self._max_memory = max_memory
        self._turns = turns
        self._memory_bytes = memory_bytes
        self._monotonic = monotonic
        self._wear: WeakKeyDictionary[Engine, _Wear] = WeakKeyDictionary()
        self._rest = 0
        self._told: set[Variant] = set()

    def note_drawn(self, engine: Engine) -> None:
        """Count an image."""
        self._of(engine).images += 1
        self._rest = max(0, self._rest - 1)

    def is_due(self, variant: Variant, engine: Engine, *, asked: int = 0) -> bool:
        """Whether to request nothing more from a variant's engine and replace it.

        asked: images that it has not answered yet.
        """
        wear = self._of(engine)
        most = self._after.images if self._after is not None else None
        if most is not None and wear.images + asked >= most:
            return True
        if self._turns is not None and variant in self._turns:
            return wear.grown
        now = self._monotonic()
        if not wear.grown and wear.images and now >= wear.look_at:
            wear.look_at = now + _LOOK_EVERY_S
            size = self._memory_bytes(engine.pid)
            wear.grown = size is not None and self._has_grown(variant, wear, size)
        return wear.grown

    def _has_grown(self, variant: Variant, wear: _Wear, size: int) -> bool:
        wear.least_bytes = min(size, wear.least_bytes or size)
        if self._limit is not None and size > self._limit:
            if wear.least_bytes <= self._limit:
                if self._rest:
                    return False
                self._rest = _REST_IMAGES
                return True
            if self._turns is not None and self._max_memory and size > self._max_memory:
                self._turns.add(variant, size)
                return True
            self._say(variant, size, self._limit)
        elif self._after is not None:
            return False
        if wear.settled_bytes is None:
            if wear.images >= _SETTLED_AFTER:
                wear.settled_bytes = size
            return False
        return size > wear.settled_bytes + max(_GROWN_BY * wear.settled_bytes, _GROWN_BY_BYTES)

    def _say(self, variant: Variant, size: int, limit: int) -> None:
        if variant not in self._told:
            self._told.add(variant)
            log.warning(
                "The engine of %s takes %.1f GB, more than the %.1f GB that it may. It draws on, because a fresh one "
                "would take as much: allow it more, or use a smaller model.",
                variant,
                size / 1e9,
                limit / 1e9,
            )

    def _of(self, engine: Engine) -> _Wear:
        return self._wear.setdefault(engine, _Wear())
