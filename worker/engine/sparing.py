"""A runtime whose networks take turns in memory, for a model whose parts do not fit into it together.

Nothing else knows of it: a network that left is loaded again when it is called.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any
from weakref import WeakSet

from numpy.typing import NDArray

from sdq_core.values.variants import ComputeUnit
from worker.engine.budget import to_end
from worker.engine.memory import memory_bytes
from worker.runtimes.contract import LoadedModel, Runtime


class SparingRuntime:
    """Loads networks over another runtime; satisfies `worker.runtimes.contract.Runtime`.

    What a network takes is measured when it first runs, because what it computes with may be many times its weights.
    Until then it has all the memory, and after that the least recently called leave for it, as few as possible. One
    that is larger than the room alone has it alone.
    """

    def __init__(
        self,
        runtime: Runtime,
        room: int,
        *,
        measure: Callable[[int], int | None] = memory_bytes,
    ) -> None:
        """Hold nothing yet.

        room: how much the networks may take together, bytes.
        measure: returns what a process takes, bytes; None if it cannot be found out.
        """
        self.name, self.versions = runtime.name, runtime.versions
        self.distinct_units = runtime.distinct_units
        self._runtime = runtime
        self._room = room
        self._measure = measure
        self._turns = count(1)
        self._networks: WeakSet[_Network] = WeakSet()

    def load(self, package: Path, compute_unit: ComputeUnit) -> LoadedModel:
        """Load one package; see `worker.runtimes.contract.Runtime`."""
        network = _Network(self, lambda: self._runtime.load(package, compute_unit))
        self._networks.add(network)
        return network

    def now(self) -> int | None:
        """Return what this process takes, bytes; None if that cannot be found out."""
        return self._measure(os.getpid())

    def turn(self, network: _Network) -> int:
        """Let others leave so that a network has its room; return the turn's number."""
        others = sorted(
            (other for other in self._networks if other is not network and other.is_held),
            key=lambda other: other.turn,
        )
        sizes = {other: other.size or self._room for other in others}
        for other in to_end(sizes, self._room - (network.size or self._room)):
            other.leave()
        return next(self._turns)


class _Network:
    """One network, in memory or not.

    turn: when it was last called.
    size: what it takes, bytes; 0 until it ran once, and where that cannot be found out.
    """

    def __init__(self, runtime: SparingRuntime, load: Callable[[], LoadedModel]) -> None:
        self.size = 0
        self._runtime = runtime
        self._load = load
        self._loaded_bytes = 0
        self.turn = runtime.turn(self)
        self._model: LoadedModel | None = self._loaded()
        self.expected_inputs: Mapping[str, Mapping[str, Any]] = dict(self._model.expected_inputs)

    @property
    def is_held(self) -> bool:
        return self._model is not None

    def leave(self) -> None:
        self._model = None

    def __call__(self, **inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Run the network once, with others out of its way."""
        self.turn = self._runtime.turn(self)
        if self._model is None:
            self._model = self._loaded()
        if self.size:
            return self._model(**inputs)
        before = self._runtime.now()
        outputs = self._model(**inputs)
        # Runtimes keep what they computed with, so this is what it needs at most.
        after = self._runtime.now()
        if before is not None and after is not None:
            self.size = max(1, self._loaded_bytes + after - before)
        return outputs

    def _loaded(self) -> LoadedModel:
        before = self._runtime.now() or 0
        model = self._load()
        self._loaded_bytes = (self._runtime.now() or 0) - before
        return model
