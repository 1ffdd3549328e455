"""The pinned engines: one per variant, up to a number and an amount of memory; the least recently used ends first."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from sdq_core.values.variants import Variant
from worker.engine.budget import Budget
from worker.engine.handle import Engine

log = logging.getLogger(__name__)

DEFAULT_MAX_PINNED = 2

#: Measuring reads what the system knows of each page of an engine: some ms for one of 4 GB.
_LOOK_EVERY_S = 30.0


class EnginePool:
    """Engines that stay in memory between slices."""

    def __init__(
        self,
        start: Callable[[Variant], Engine],
        *,
        max_pinned: int,
        unload_after_s: float | None = None,
        budget: Budget | None = None,
    ) -> None:
        """Start no engine yet.

        unload_after_s: how long an engine stays without work; None for ever.
        budget: how much memory they may take together; None for any amount.
        """
        self._start = start
        self._max_pinned = max_pinned
        self._budget = budget
        self._look_at = 0.0
        self._unload_after_s = unload_after_s
        self._used_at: dict[Variant, float] = {}
        self._engines: OrderedDict[Variant, Engine] = OrderedDict()

    def get(self, variant: Variant) -> Engine:
        """Return the variant's engine, starting it if necessary; it may still be loading.

        Raises InputMissingError or PackageError if this machine does not have the variant's model.
        """
        if variant not in self._engines:
            while len(self._engines) >= self._max_pinned:
                # End it before starting the next: two models may not fit in memory at once.
                self._engines.popitem(last=False)[1].close()
            self._make_room(variant)
            self._engines[variant] = self._start(variant)
            self._look_at = 0.0
        self._engines.move_to_end(variant)
        self._used_at[variant] = time.monotonic()
        return self._engines[variant]

    def pinned(self) -> list[Variant]:
        """List the variants in memory, the most recently used first."""
        return list(reversed(self._engines))

    def end_idle(self, *, busy: Variant | None = None) -> None:
        """End the engines that had no work for `unload_after_s`. busy: the variant that is drawing."""
        if self._unload_after_s is None:
            return
        now = time.monotonic()
        if busy is not None:
            self._used_at[busy] = now
        for variant in list(self._engines):
            if now - self._used_at[variant] >= self._unload_after_s:
                self._engines.pop(variant).close()
                log.info("%s left memory: it had no work for %g s.", variant, self._unload_after_s)

    def look(self, variant: Variant) -> None:
        """End others than a variant's engine, which has drawn an image, if all take too much memory together."""
        now = time.monotonic()
        if self._budget is not None and now >= self._look_at:
            self._look_at = now + _LOOK_EVERY_S
            self._budget.look(self._engines)
            self._make_room(variant)

    def retire(self, variant: Variant) -> None:
        """End the variant's engine, which has nothing to do."""
        if engine := self._engines.pop(variant, None):
            engine.close()

    def discard(self, variant: Variant) -> None:
        """Kill the variant's engine."""
        if engine := self._engines.pop(variant, None):
            engine.kill()

    def close(self) -> None:
        """End all engines."""
        while self._engines:
            self._engines.popitem()[1].close()

    def _make_room(self, variant: Variant) -> None:
        """End others so that a variant's engine has room in memory; one that is too large alone stays alone."""
        if self._budget is None:
            return
        for other in self._budget.in_the_way(self._engines, variant):
            engine = self._engines.pop(other)
            log.info(
                "%s left memory (%.1f GB): %s takes about %.1f GB, and all engines may take %.1f GB.",
                other,
                self._budget.size(other, engine) / 1e9,
                variant,
                self._budget.size(variant, self._engines.get(variant)) / 1e9,
                self._budget.limit / 1e9,
            )
            engine.close()
