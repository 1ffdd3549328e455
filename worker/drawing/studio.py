"""What a worker needs to draw, shared by all its slices."""

from __future__ import annotations

from dataclasses import dataclass

from db.ledger import Ledger
from worker.claims.shift import Shift
from worker.drawing.engines import Engines
from worker.drawing.failures import DEFAULT_MAX_ATTEMPTS, Failures
from worker.drawing.hand import Hand
from worker.drawing.keeping import Keeper
from worker.drawing.recycling import Recycling
from worker.drawing.saving import Gallery
from worker.drawing.smoke import Smoke
from worker.drawing.tally import Tally
from worker.drawing.units import Units
from worker.duty.duty import Duty
from worker.engine.pool import EnginePool


@dataclass(frozen=True, kw_only=True)
class Studio:
    """The ledger, the engines, what saves drawn images and counts failed ones, and the image in hand."""

    ledger: Ledger
    shift: Shift
    duty: Duty
    engines: Engines
    smoke: Smoke
    recycling: Recycling
    tally: Tally
    keeper: Keeper
    failures: Failures
    hand: Hand

    @classmethod
    def of(
        cls,
        *,
        worker: str,
        ledger: Ledger,
        shift: Shift,
        duty: Duty | None = None,
        tally: Tally,
        pool: EnginePool,
        gallery: Gallery,
        recycling: Recycling | None = None,
        max_attempts: int = DEFAULT_MAX_ATTEMPTS,
        hand: Hand | None = None,
        units: Units | None = None,
    ) -> Studio:
        """Build the studio of the worker with this name."""
        engines = Engines(
            pool,
            ledger=ledger,
            shift=shift,
            units=units or Units(ledger, shift),
            worker=worker,
            safety=gallery.safety,
        )
        return cls(
            ledger=ledger,
            shift=shift,
            duty=duty or Duty(),
            recycling=recycling or Recycling(),
            tally=tally,
            engines=engines,
            smoke=Smoke(ledger=ledger, shift=shift, engines=engines, gallery=gallery),
            keeper=Keeper(gallery, ledger=ledger, shift=shift, tally=tally),
            failures=Failures(ledger=ledger, shift=shift, tally=tally, max_attempts=max_attempts),
            hand=hand or Hand(),
        )
