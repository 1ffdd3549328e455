"""Which models' parts do not fit into memory together and take turns in it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sdq_core.values.machine import memory_bytes
from sdq_core.values.variants import Variant

log = logging.getLogger(__name__)

#: Of the machine's memory, where no limit is set: the rest is the system's, the worker's and other programs'.
_SHARE = 0.75


class Turns:
    """The variants of one worker whose parts take turns.

    room: how much the parts of one may take together, bytes.
    """

    def __init__(self, limit: int | None, *, expected: Callable[[Variant], int]) -> None:
        """Know no variant yet.

        limit: how much engines may take together, bytes; None for most of the machine's memory.
        expected: returns what a variant's engine is expected to take, bytes.
        """
        self.room = int(_SHARE * memory_bytes()) if limit is None else limit
        self._expected = expected
        self._variants: set[Variant] = set()

    def __contains__(self, variant: object) -> bool:
        return variant in self._variants

    def room_for(self, variant: Variant) -> int | None:
        """Return how much the parts of a variant may take together, bytes; None if all may stay."""
        if variant not in self and (size := self._expected(variant)) > self.room:
            self.add(variant, size)
        return self.room if variant in self else None

    def add(self, variant: Variant, size: int) -> None:
        """Let the parts of a variant take turns from its next engine on. size: what they take together, bytes."""
        self._variants.add(variant)
        log.info(
            "The parts of %s take %.1f GB together and may take %.1f GB: each is loaded when it is needed, and leaves "
            "for the next.",
            variant,
            size / 1e9,
            self.room / 1e9,
        )
