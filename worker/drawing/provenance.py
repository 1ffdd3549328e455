"""What drew an image: the facts about machine and libraries that explain a difference between two of them."""

from __future__ import annotations

import platform
import socket
from importlib import metadata
from typing import TYPE_CHECKING

from db.values import EngineRecord
from sdq_core.values.machine import chip, operating_system
from sdq_core.values.safety import Safety
from sdq_core.values.variants import Variant

if TYPE_CHECKING:  # needs NumPy, and a worker has no other need of it
    from worker.engine.messages import Ready

#: Where an engine's `versions` say what became of the pictures that it flagged.
SAFETY_KEY = "safety"


def engine_record(
    *, worker: str, pid: int, variant: Variant, ready: Ready, safety: Safety
) -> EngineRecord:
    """Describe a loaded engine for the ledger.

    What its worker makes of flagged pictures stands among the versions, as `safety`: it is a worker's, and so one for
    all images of an engine.
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
    )
