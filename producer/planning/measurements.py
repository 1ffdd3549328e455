"""What draws a new batch, according to `sdq bench`.

In this order:

1. the fastest that was measured on a machine like this one (same chip and system build) and whose packages are here,
   unchanged;
2. if nothing was measured here (on a machine that only submits, say): what draws most images per hour on the ledger's
   other machines together;
3. `original` on ALL, or the first variant there is if the model is not here as `original`.

If a variant or a compute unit is named, only what fits it is considered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from db.values import Benchmark
from producer.planning.choice import Because, Choice
from producer.planning.speed import fastest, fastest_for_all
from sdq_core.errors import InputError, InputMissingError
from sdq_core.models import ModelStore
from sdq_core.values.machine import Machine
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, OpenPlacement, Placement


class Measurements:
    """The measurements of the models on this disk.

    benchmarks: returns a model's, oldest first, like `Benchmarks.newest`.
    machine: returns this machine; called only if there are any.
    """

    def __init__(
        self,
        store: ModelStore,
        *,
        benchmarks: Callable[[str], Sequence[Benchmark]],
        machine: Callable[[], Machine],
    ) -> None:
        self._store = store
        self._benchmarks = benchmarks
        self._machine = machine
        self._of_model: dict[str, Sequence[Benchmark]] = {}

    def choose(self, model: str, asked: OpenPlacement) -> Choice:
        """Choose as for a new batch."""
        usual = self._unmeasured(model, asked)
        fitting = [row for row in self._rows(model) if asked.admits(row.variant.placement)]
        placement, because = usual, Because.UNMEASURED
        if fitting:
            machine = self._machine()
            here = {row.variant.placement: row for row in fitting if row.machine.is_like(machine)}
            elsewhere = [row for row in fitting if row.machine.host != machine.host]
            if winner := fastest(here.values(), usual):
                placement, because = winner.variant.placement, Because.MEASURED
            elif best := fastest_for_all(elsewhere):
                placement, because = best, Because.MEASURED_ELSEWHERE
        return Choice(model=model, placement=placement, because=because)

    def _unmeasured(self, model: str, asked: OpenPlacement) -> Placement:
        attention = asked.attention_implementation
        if attention is None:
            here = self._store.attention_implementations(model)
            attention = AttentionImplementation.ORIGINAL
            if here and attention not in here:
                attention = here[0]
        return Placement(
            attention_implementation=attention, compute_unit=asked.compute_unit or ComputeUnit.ALL
        )

    def _rows(self, model: str) -> Sequence[Benchmark]:
        if model not in self._of_model:
            rows = self._benchmarks(model)
            self._of_model[model] = [row for row in rows if self._is_here(row)]
        return self._of_model[model]

    def _is_here(self, row: Benchmark) -> bool:
        """Say whether the measured model is on this disk, unchanged."""
        variant = row.variant
        try:
            found = self._store.find(variant.model, variant.attention_implementation)
        except (InputError, InputMissingError):
            return False
        return found.goes_by(variant.revision)
