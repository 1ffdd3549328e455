"""What drew an image: the facts about machine and libraries that explain a difference between two of them."""

from __future__ import annotations

import platform
import socket
from importlib import metadata

from db.values import EngineRecord
from sdq.machine import chip, operating_system
from sdq.variants import Variant
from worker.engine.messages import Ready

__all__ = ["chip", "engine_record", "operating_system"]


def engine_record(*, worker: str, pid: int, variant: Variant, ready: Ready) -> EngineRecord:
    """Describe a loaded engine for the ledger."""
    return EngineRecord(
        worker=worker,
        host=socket.gethostname(),
        pid=pid,
        pipeline=ready.pipeline,
        runtime=ready.runtime,
        compute_unit=str(variant.compute_unit),
        precision=ready.precision,
        versions={"sdq": metadata.version("sdq"), "python": platform.python_version()}
        | dict(ready.versions),
        os=operating_system(),
        chip=chip(),
        load_ms=ready.load_ms,
    )
