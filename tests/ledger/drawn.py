"""A batch of which each image was drawn by an engine that a test chose; no files."""

from __future__ import annotations

from dataclasses import replace

from db.ledger import Ledger
from db.values import EngineRecord
from tests.ledger.plans import plan, record


class Drawn:
    """A batch whose images several engines drew, in the order of the seeds."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        [ref] = ledger.submissions.add(plan(["a"], range(9), name="a")).slices
        slice_ = ledger.work.load_slice(ref.id)
        assert slice_ is not None
        self._slice = slice_
        self._seed = 0

    def by(self, engine: EngineRecord, **fields: object) -> int:
        """Draw the next seed; return the engine's id."""
        engine_id = self.ledger.work.register_engine(engine)
        image = record(self._slice, self._seed, engine_id)
        self.ledger.work.record_and_go_on(replace(image, **fields))  # type: ignore[arg-type]
        self._seed += 1
        return engine_id

    def earlier(self, engine: EngineRecord) -> list[int]:
        """Seeds of the images that are offered for an engine."""
        return [image.seed for image in self.ledger.smoke_checks.earlier_images(engine)]
