"""Chooses this machine's runtime."""

from __future__ import annotations

import sys
from pathlib import Path

from sdq_core.errors import ConfigurationError
from sdq_core.values.machine import operating_system
from sdq_core.values.variants import ComputeUnit
from worker.runtimes.contract import Runtime
from worker.runtimes.installing import how_to_install


def choose_runtime(*, cache: Path, threads: int | None) -> Runtime:
    """Return the runtime of this machine: Core ML on a Mac that has coremltools, else the portable one.

    Raises ConfigurationError if the libraries of neither runtime are installed.
    """
    try:
        if sys.platform == "darwin":
            from worker.runtimes.coreml import CoreMLRuntime, library

            if library.is_usable():
                return CoreMLRuntime(cache_dir=cache / "coreml", system=operating_system())
        from worker.runtimes.onnx import OnnxRuntime
    except ImportError as error:
        raise ConfigurationError(
            f"Drawing needs {error.name}, which is not installed: {how_to_install()}."
        ) from error
    return OnnxRuntime(cache_dir=cache, threads=threads)


def distinct_compute_units() -> tuple[ComputeUnit, ...]:
    """Return the compute units that differ on this machine.

    Raises ConfigurationError if the libraries of neither runtime are installed.
    """
    return choose_runtime(cache=Path(), threads=None).distinct_units
