"""What drew an image: the machine and libraries, which explain differences between two images."""

from __future__ import annotations

import platform
import socket
from importlib import metadata
from typing import TYPE_CHECKING

from db.values import EngineRecord
from sdq_core.values.machine import chip, operating_system
from sdq_core.values.safety import Safety
from sdq_core.values.variants import Variant

if TYPE_CHECKING:  # needs NumPy, which a worker does not need otherwise
    from worker.engine.messages import Ready

#: The key in an engine's `versions` for what the worker does with flagged images.
SAFETY_KEY = "safety"


def engine_record(
    *, worker: str, pid: int, variant: Variant, ready: Ready, safety: Safety
) -> EngineRecord:
    """Describe a loaded engine for the ledger.

    The worker's safety mode is stored among the versions, as `safety`: it is the same for all images of an engine.
    """
    return EngineRecord(
        variant=variant,
        worker=worker,
        host=socket.gethostname(),
        pid=pid,
        pipeline=ready.pipeline,
        runtime=ready.runtime,
        compute_unit=str(variant.compute_unit),
        precision=ready.precision,
        versions={"sdq": metadata.version("sdq"), "python": platform.python_version()}
        | dict(ready.versions)
        | {SAFETY_KEY: str(safety)},
        os=operating_system(),
        chip=chip(),
        load_ms=ready.load_ms,
        part_units=ready.units.to_dict() if ready.units else {},
    )
