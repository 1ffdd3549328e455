"""Chooses this machine's runtime."""

from __future__ import annotations

import sys
from pathlib import Path

from sdq_core.errors import ConfigurationError
from sdq_core.values.machine import operating_system
from sdq_core.values.runtimes import RuntimeChoice
from worker.runtimes.contract import Runtime
from worker.runtimes.installing import how_to_install


def choose_runtime(
    *, cache: Path, threads: int | None, choice: RuntimeChoice = RuntimeChoice.AUTO
) -> Runtime:
    """Return a runtime; `auto` is Core ML on a Mac that has coremltools, else the portable one.

    cache: the folder in which it keeps prepared models.
    threads: threads per network on the CPU; None leaves it to the library.

    Raises ConfigurationError if this machine cannot have it, or if its libraries are not installed.
    """
    try:
        if choice in (RuntimeChoice.AUTO, RuntimeChoice.COREML) and sys.platform == "darwin":
            from worker.runtimes.coreml import CoreMLRuntime, library

            if library.is_usable():
                return CoreMLRuntime(cache_dir=cache / "coreml", system=operating_system())
        if choice is RuntimeChoice.COREML:
            raise ConfigurationError(_no_core_ml())
        if choice is RuntimeChoice.OPENVINO:
            from worker.runtimes.openvino import OpenVinoRuntime

            return OpenVinoRuntime(cache_dir=cache, threads=threads)
        from worker.runtimes.onnx import OnnxRuntime
        from worker.runtimes.onnx.processors import CPU, CUDA

        processor = CUDA if choice is RuntimeChoice.CUDA else CPU
        return OnnxRuntime(cache_dir=cache, threads=threads, processor=processor)
    except ImportError as error:
        raise ConfigurationError(
            f"Drawing needs {error.name}, which is not installed: {how_to_install(choice)}."
        ) from error


def _no_core_ml() -> str:
    if sys.platform != "darwin":
        return "Core ML is a part of macOS. Choose another runtime."
    return f"Core ML needs coremltools, which is not completely installed: {how_to_install()}."


def runtimes_here(first: RuntimeChoice) -> dict[str, Runtime]:
    """Return what can draw on this machine, by name, the chosen one first; to ask, not to load with.

    Raises ConfigurationError if the chosen one cannot.
    """
    chosen = choose_runtime(cache=Path(), threads=None, choice=first)
    found = {chosen.name: chosen}
    for choice in RuntimeChoice:
        try:
            other = choose_runtime(cache=Path(), threads=None, choice=choice)
        except ConfigurationError:
            continue
        found.setdefault(other.name, other)
    return found
