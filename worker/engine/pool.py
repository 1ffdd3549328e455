"""The pinned engines: one per variant, at most so many, the least recently used ended first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from sdq_core.values.variants import Variant
from worker.engine.handle import Engine

DEFAULT_MAX_PINNED = 2


class EnginePool:
    """Engines that stay in memory between slices."""

    def __init__(self, start: Callable[[Variant], Engine], *, max_pinned: int) -> None:
        self._start = start
        self._max_pinned = max_pinned
        self._engines: OrderedDict[Variant, Engine] = OrderedDict()

    def get(self, variant: Variant) -> Engine:
        """Give the variant's engine, started if need be; it may still be loading.

        Raises InputMissingError or PackageError when this machine does not have the variant's model.
        """
        if variant not in self._engines:
            while len(self._engines) >= self._max_pinned:
                # Ended before the next is started: two models need not fit in memory at once.
                self._engines.popitem(last=False)[1].close()
            self._engines[variant] = self._start(variant)
        self._engines.move_to_end(variant)
        return self._engines[variant]

    def pinned(self) -> list[Variant]:
        """List the variants in memory, the last used first."""
        return list(reversed(self._engines))

    def discard(self, variant: Variant) -> None:
        """End the variant's engine at once."""
        if engine := self._engines.pop(variant, None):
            engine.kill()

    def close(self) -> None:
        """End all engines."""
        while self._engines:
            self._engines.popitem()[1].close()
