"""What drew an image: the machine and libraries, which explain differences between two images."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import TYPE_CHECKING

from db.values import EngineRecord
from db.values.engines import SAFETY_KEY
from sdq_core.values.machine import Machine
from sdq_core.values.safety import Safety
from sdq_core.values.variants import Variant

if TYPE_CHECKING:  # needs NumPy, which a worker does not need otherwise
    from worker.engine.messages import Ready


def engine_record(
    *, worker: str, machine: Machine, pid: int, variant: Variant, ready: Ready, safety: Safety
) -> EngineRecord:
    """Describe a loaded engine for the ledger.

    The worker's safety mode is stored among the versions, as `safety`: it is the same for all images of an engine.
    """
    return EngineRecord(
        variant=variant,
        worker=worker,
        host=machine.host,
        pid=pid,
        pipeline=ready.pipeline,
        runtime=ready.runtime,
        compute_unit=str(variant.compute_unit),
        precision=ready.precision,
        versions={"sdq": metadata.version("sdq"), "python": platform.python_version()}
        | dict(ready.versions)
        | {SAFETY_KEY: str(safety)},
        os=machine.os,
        chip=machine.chip,
        load_ms=ready.load_ms,
        part_units=ready.units.to_dict() if ready.units else {},
    )
