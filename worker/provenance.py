"""What drew an image: the facts about machine and libraries that explain a difference between two of them."""

from __future__ import annotations

import platform
import socket
import subprocess
import sys
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from db.values import EngineRecord
from sdq.variants import Variant
from worker.engine.messages import Ready


def engine_record(*, worker: str, pid: int, variant: Variant, ready: Ready) -> EngineRecord:
    """Describe a loaded engine for the ledger."""
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
        | dict(ready.versions),
        os=operating_system(),
        chip=chip(),
        load_ms=ready.load_ms,
    )


@lru_cache
def operating_system() -> str:
    """Name the system with its build: Core ML's results change with macOS builds."""
    if sys.platform == "darwin":
        build = _ask("sw_vers", "-buildVersion")
        return f"macOS {platform.mac_ver()[0]} ({build or 'unknown build'})"
    return f"{platform.system()} {platform.release()}"


@lru_cache
def chip() -> str:
    """Name the processor: `Apple M2 Pro`, or what Linux calls it."""
    if sys.platform == "darwin":
        return _ask("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def _ask(*command: str) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()
