"""A runtime that says what it is about to do, so that the worker knows the culprit if that ends the process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from sdq_core.values.part_units import Part
from sdq_core.values.variants import ComputeUnit
from worker.engine.messages import Loading, Running
from worker.runtimes.contract import LoadedModel, Runtime

#: Parts of which it is said each time that they begin to run.
ALWAYS_SAID = frozenset({Part.TEXT_ENCODER, Part.VAE_ENCODER, Part.CONTROLNET})


class WatchedRuntime:
    """Loads packages over another runtime; satisfies `worker.runtimes.contract.Runtime`.

    It says which network it loads before it does: so the load deadline applies to one network at a time, and Core ML's
    first compile of a U-Net takes minutes. It says which part runs until the first image is drawn; after that only the
    text encoder, which crashes most, the VAE encoder and ControlNets, which few images use, and what comes after them.
    """

    def __init__(
        self,
        runtime: Runtime,
        parts: Mapping[Path, Part],
        say: Callable[[Loading | Running], None],
    ) -> None:
        """Watch a runtime. parts: package -> the part that it is, of a whole variant."""
        self.name, self.versions = runtime.name, runtime.versions
        self.distinct_units = runtime.distinct_units
        self._runtime = runtime
        self._parts = parts
        self._say = say
        self._running: Part | None = None
        self._has_drawn = False

    def load(self, package: Path, compute_unit: ComputeUnit) -> LoadedModel:
        """Load one package; see `worker.runtimes.contract.Runtime`."""
        # A model's parts are known; ControlNets are nobody's.
        part = self._parts.get(package, Part.CONTROLNET)
        unit = compute_unit if len(self.distinct_units) > 1 else None
        self._say(Loading(package=package.name, part=part, unit=unit))
        if unit is None:  # there is no other one, so nobody asks which part ran
            return self._runtime.load(package, compute_unit)
        return _Watched(self._runtime.load(package, compute_unit), before=lambda: self._runs(part))

    def note_drawn(self) -> None:
        """Note that a whole image was drawn."""
        self._has_drawn = True

    def _runs(self, part: Part) -> None:
        if part is self._running:
            return
        if not self._has_drawn or not ALWAYS_SAID.isdisjoint({part, self._running}):
            self._say(Running(part=part))
            self._running = part


class _Watched:
    """A network that says when it is called."""

    def __init__(self, model: LoadedModel, before: Callable[[], None]) -> None:
        self.expected_inputs = model.expected_inputs
        self._model = model
        self._before = before

    def __call__(self, **inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
        self._before()
        return self._model(**inputs)
