"""How much memory a worker's engines may take together, and which of them end so that another one has room."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import TypeVar
from weakref import WeakKeyDictionary

from sdq_core.models import VariantFolder
from sdq_core.models.folder import size_of
from sdq_core.models.network import read_network
from sdq_core.values.runtimes import RuntimeChoice
from sdq_core.values.variants import Variant
from worker.engine.handle import Engine
from worker.engine.memory import memory_bytes

Held = TypeVar("Held")

#: Of a weight in memory: the portable runtime computes in float32, Core ML in float16. What is palettized may take
#: less there, which is known once it was measured; expecting too much ends an engine too many, and expecting too little
#: fills the machine's memory.
_BITS_IN_MEMORY, _BITS_IN_CORE_ML = 32, 16

#: Of a weight in a file, where nothing tells.
_USUAL_BITS = 8


class Budget:
    """What the engines of one worker take.

    limit: how much they may take together, bytes.
    """

    def __init__(
        self,
        limit: int,
        *,
        expected: Callable[[Variant], int],
        measure: Callable[[int], int | None] = memory_bytes,
        turns: Container[Variant] = (),
    ) -> None:
        """Know no engine yet.

        expected: returns what an engine is expected to take that was never measured, bytes.
        measure: returns what a process takes, bytes; None if it cannot be found out.
        turns: variants whose parts take turns, which need all that there is at one time or another.
        """
        self.limit = limit
        self._expected = expected
        self._measure = measure
        self._turns = turns
        self._now: WeakKeyDictionary[Engine, int] = WeakKeyDictionary()
        self._at_first: dict[Variant, int] = {}

    def look(self, engines: Mapping[Variant, Engine]) -> None:
        """Measure engines, of which at least one has drawn since the last look."""
        for variant, engine in engines.items():
            size = self._measure(engine.pid)
            if size is not None:
                self._now[engine] = size
                self._at_first.setdefault(variant, size)

    def in_the_way(self, engines: Mapping[Variant, Engine], variant: Variant) -> list[Variant]:
        """Return whose engines to end so that the others and that of one variant, loaded or not, fit together.

        engines: those in memory, the least recently used first.
        """
        others = {
            other: self.size(other, engine) for other, engine in engines.items() if other != variant
        }
        return to_end(others, self.limit - self.size(variant, engines.get(variant)))

    def size(self, variant: Variant, engine: Engine | None) -> int:
        """Return what an engine takes, or what that of a variant took or is expected to take, bytes."""
        if variant in self._turns:
            return self.limit
        measured = None if engine is None else self._now.get(engine)
        return measured or self._at_first.get(variant) or self._expected(variant)


def to_end(sizes: Mapping[Held, int], room: int) -> list[Held]:
    """Return what to end so that the others fit into `room` bytes, all if none does.

    sizes: bytes, the least recently used first. These end first, unless a larger one has to end anyway and they then
    fit beside the rest.
    """
    excess = sum(sizes.values()) - room
    ending: list[Held] = []
    for held, size in sizes.items():
        if excess <= 0:
            break
        ending.append(held)
        excess -= size
    for held in reversed(ending.copy()):
        if excess + sizes[held] <= 0:
            ending.remove(held)
            excess += sizes[held]
    return ending


def expected_bytes(folder: VariantFolder, runtime: RuntimeChoice = RuntimeChoice.AUTO) -> int:
    """Return what an engine is expected to take for the weights of a variant, bytes; raise PackageError if damaged."""
    core_ml = sys.platform == "darwin" and runtime in {RuntimeChoice.AUTO, RuntimeChoice.COREML}
    bits = _BITS_IN_CORE_ML if core_ml else _BITS_IN_MEMORY
    return sum(weights_bytes(part, bits) for part in folder.drawing_parts)


def weights_bytes(part: Path, bits: int = _BITS_IN_MEMORY) -> int:
    """Return what a part's weights take in memory, bytes; raise PackageError if it is damaged. bits: of each there."""
    found = re.findall("[0-9]+", read_network(part).precision)  # `4/6/8-bit`, `float16`
    return size_of(part) * bits // min(map(int, found), default=_USUAL_BITS)
