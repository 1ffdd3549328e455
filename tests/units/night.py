"""A worker's night over the double: what was submitted, drawn and learnt."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path

from db.ledger import Ledger
from db.values import FinishedImage, PlannedEntry
from sdq_core.models import DEMO, ModelStore
from sdq_core.values.machine import Machine
from sdq_core.values.part_units import UnitRules
from sdq_core.values.recipes import Recipe
from sdq_core.values.safety import Safety
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Variant
from tests.ledger.plans import plan
from tests.units.double import Double
from tests.worker.studio import MeetingGallery, OneSlice, StoppableShift
from worker.claims.open_slice import OpenSlice
from worker.drawing.drawing import Drawing
from worker.drawing.studio import Studio
from worker.drawing.tally import Tally
from worker.drawing.units import Units
from worker.engine.handle import Deadlines, Engine
from worker.engine.messages import Launch
from worker.engine.pool import EnginePool

MAC = Machine(host="mac", chip="Apple M5 Pro", os="macOS 27.2 (26C1)")


class Night:
    """A worker's studio over one ledger, begun anew with each draw."""

    def __init__(self, folder: Path, cache: Path, double: Double) -> None:
        self.double = double
        self.patience_s = 60.0
        self.ledger = Ledger.open(f"sqlite:///{folder / 'sdq.db'}")
        self.outputs = folder / "outputs"
        self._cache = cache
        self._store = ModelStore(folder / "none")

    def draw(
        self,
        prompt: str = "the sea at night",
        *,
        attention: AttentionImplementation = AttentionImplementation.SPLIT_EINSUM,
        machine: Machine = MAC,
        rules: UnitRules | None = None,
        safety: Safety = Safety.FLAG,
        seeds: int = 2,
        shift: StoppableShift | None = None,
    ) -> list[FinishedImage]:
        """Submit images and draw them as a worker does that has just started."""
        found = self._store.find(DEMO, attention)
        variant = Variant(
            model=DEMO,
            revision=found.revision,
            attention_implementation=attention,
            compute_unit=ComputeUnit.ALL,
        )
        recipe = Recipe(
            variant=variant, prompt=prompt, width=found.width, height=found.height,
            num_inference_steps=2,
        )  # fmt: skip
        planned = replace(
            plan([prompt], range(seeds), name=prompt),
            entries=[PlannedEntry(recipe=recipe, seeds=range(seeds))],
        )
        [ref] = self.ledger.submissions.add(planned).slices
        slice_ = self.ledger.work.load_slice(ref.id)
        assert slice_ is not None
        shift = shift or StoppableShift()
        units = Units(self.ledger, shift, rules, machine=machine)

        def start(variant: Variant) -> Engine:
            launch = Launch(
                folder=found, compute_unit=variant.compute_unit, cache=self._cache, threads=1,
                rules=units.rules(variant), safety=safety,
            )  # fmt: skip
            return Engine(launch, Deadlines(load_s=self.patience_s, step_s=self.patience_s))

        pool = EnginePool(start, max_pinned=1)
        gallery = MeetingGallery(self.outputs)
        gallery.safety = safety
        studio = Studio.of(
            worker="w", ledger=self.ledger, shift=shift, tally=Tally(), pool=pool,
            gallery=gallery, units=units,
        )  # fmt: skip
        try:
            Drawing(studio, variant, OneSlice()).run(
                OpenSlice(slice_=slice_, queue_wait_ms=0, pending=deque(range(seeds)), attempts={})
            )
        finally:
            pool.close()
        return list(self.ledger.batches.images(prompt))

    def failed(self, machine: Machine = MAC) -> set[str]:
        """Return what the ledger knows not to work, as ``part unit``."""
        trials = self.ledger.unit_trials.of(machine)
        return {f"{trial.part} {trial.unit}" for trial in trials if trial.error is not None}
