"""A worker's engines: loads them, with retries, and gives each its row in the ledger."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary, WeakSet

from db.ledger import Ledger
from db.values import EngineRecord
from sdq_core.errors import (
    BrokenImageError,
    ComputeError,
    EngineDiedError,
    EngineHungError,
    PackageError,
    SdqError,
    UnexpectedDrawError,
)
from sdq_core.values.part_units import Part, PartUnits
from sdq_core.values.safety import Safety
from sdq_core.values.variants import Variant
from worker.choosing.unusable import VariantUnusable
from worker.claims.shift import GaveUp, Shift
from worker.drawing.provenance import engine_record
from worker.drawing.units import Units
from worker.engine.handle import Engine
from worker.engine.messages import Ready
from worker.engine.pool import EnginePool

log = logging.getLogger(__name__)

#: A prepared model loads quickly; log a message if loading takes longer than this.
_SAY_LOADING_AFTER_S = 10.0
_SAY_LOADING_EVERY_S = 60.0

#: How often to start an engine that dies while it loads.
_LOADS = 3
_RELOAD_AFTER_S = 1.0

#: What a compute unit may cause; a full disk is not among it.
_WHILE_LOADING = (PackageError, EngineDiedError, EngineHungError)
_WHILE_DRAWING = (
    BrokenImageError,
    ComputeError,
    EngineDiedError,
    EngineHungError,
    UnexpectedDrawError,
)


@dataclass(frozen=True, kw_only=True)
class LoadedEngine:
    """An engine that is ready to draw, with its row and that row's id."""

    engine: Engine
    id: int
    record: EngineRecord
    units: PartUnits | None


class Engines:
    """The engines of one worker."""

    def __init__(
        self,
        pool: EnginePool,
        *,
        ledger: Ledger,
        shift: Shift,
        units: Units,
        worker: str,
        safety: Safety,
    ) -> None:
        """Own a pool.

        units: what is known of compute units.
        worker, safety: the worker's name and mode, for its engines' rows.
        """
        self._pool = pool
        self._ledger = ledger
        self._shift = shift
        self._units = units
        self._worker = worker
        self._safety = safety
        # Not by process id, which an engine that is started later may have, too.
        self._rows: WeakKeyDictionary[Engine, dict[str, tuple[int, EngineRecord]]] = (
            WeakKeyDictionary()
        )
        self._proven: WeakSet[Engine] = WeakSet()

    def load(self, variant: Variant) -> LoadedEngine:
        """Return the variant's engine once it is in memory and has its row.

        Raises VariantUnusable if it cannot be loaded here, GaveUp if the worker is told to stop in the meantime.
        """
        engine, ready = self._loaded(variant)
        if engine not in self._rows:
            record = engine_record(
                worker=self._worker,
                machine=self._units.machine,
                pid=engine.pid,
                variant=variant,
                ready=ready,
                safety=self._safety,
            )
            self._rows[engine] = {ready.pipeline: self._registered(record)}
            log.info("%s is in memory after %.1f s.", variant, ready.load_ms / 1000)
        row_id, record = self._rows[engine][ready.pipeline]
        return LoadedEngine(engine=engine, id=row_id, record=record, units=ready.units)

    def as_drew(self, loaded: LoadedEngine, pipeline: str) -> LoadedEngine:
        """Return an engine with the row that names the pipeline that drew: it may draw with two."""
        rows = self._rows[loaded.engine]
        if pipeline not in rows:
            rows[pipeline] = self._registered(replace(loaded.record, pipeline=pipeline))
        row_id, record = rows[pipeline]
        return replace(loaded, id=row_id, record=record)

    def _registered(self, record: EngineRecord) -> tuple[int, EngineRecord]:
        register = self._ledger.work.register_engine
        return self._shift.until_done(lambda: register(record)), record

    def blames_unit(self, engine: Engine, variant: Variant, error: SdqError) -> bool:
        """Say whether a part's compute unit is to blame for an engine's failure; the next engine avoids it then."""
        if not isinstance(error, _WHILE_LOADING if engine.is_loading else _WHILE_DRAWING):
            return False
        if isinstance(error, EngineDiedError | EngineHungError) and not engine.crashed:
            return False  # killed from outside, mostly for want of memory
        return self._units.explains(variant, engine.suspect, error)

    def note_drawn(self, loaded: LoadedEngine) -> None:
        """Note an image of an engine; its first shows that its units work, and what it takes in memory."""
        self._pool.look(loaded.record.variant)
        if loaded.engine not in self._proven:
            self._proven.add(loaded.engine)
            # Few images are drawn from pictures, so the first need not have used what those need.
            unused = {
                Part.VAE_ENCODER,
                Part.CONTROLNET,
                *(() if self._safety.checks else (Part.SAFETY_CHECKER,)),
            }
            used = [part for part in Part if part not in unused]
            self._units.note_worked(loaded.record.variant, loaded.units, used)

    def retire(self, variant: Variant) -> None:
        """End the variant's engine, which has nothing to do; the next `load` starts a fresh one."""
        log.info("Replacing the engine of %s.", variant)
        self._pool.retire(variant)

    def discard(self, variant: Variant) -> None:
        """Kill the variant's engine."""
        self._pool.discard(variant)

    def end_idle(self, *, busy: Variant | None = None) -> None:
        """End the engines that were idle for too long. busy: the variant that is drawing."""
        self._pool.end_idle(busy=busy)

    def pinned(self) -> Sequence[Variant]:
        """List the variants in memory, the most recently used first."""
        return self._pool.pinned()

    def close(self) -> None:
        """End all engines."""
        self._pool.close()

    def _loaded(self, variant: Variant) -> tuple[Engine, Ready]:
        loads_left = _LOADS
        while True:
            try:
                engine = self._pool.get(variant)
            except SdqError as error:
                raise VariantUnusable(variant, error) from error
            try:
                return engine, engine.wait_until_ready(_Waiting(engine, variant, self._shift).look)
            except SdqError as error:
                self._pool.discard(variant)
                if self.blames_unit(engine, variant, error):
                    continue
                loads_left -= 1
                if not (error.retryable and loads_left):
                    raise VariantUnusable(variant, error) from error
                log.warning("%s", error)  # killed while it loaded, perhaps because memory ran out
                self._shift.pause(_RELOAD_AFTER_S)


class _Waiting:
    """Waits for one load: sends heartbeats, watches for signals, and logs if it takes long."""

    def __init__(self, engine: Engine, variant: Variant, shift: Shift) -> None:
        self._engine = engine
        self._variant = variant
        self._shift = shift
        self._package: str | None = None
        self._since = time.monotonic()
        self._say_at = self._since + _SAY_LOADING_AFTER_S

    def look(self) -> None:
        self._shift.beat()
        if self._shift.stopping:
            raise GaveUp
        now = time.monotonic()
        loading = self._engine.loading
        if loading is not None and loading.package != self._package:
            self._package, self._since = loading.package, now
            self._say_at = now + _SAY_LOADING_AFTER_S
        elif now >= self._say_at:
            self._say_at = now + _SAY_LOADING_EVERY_S
            log.warning(
                "Still loading %s of %s after %.0f s. The first load prepares the model for this machine and may "
                "take several minutes.",
                self._package or "the libraries",
                self._variant,
                now - self._since,
            )
