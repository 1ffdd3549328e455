"""Which runtime this machine draws with."""

from __future__ import annotations

from pathlib import Path

from sdq.errors import ConfigurationError
from worker.runtimes.contract import Runtime


def choose_runtime(*, cache: Path, threads: int | None) -> Runtime:
    """Give the runtime of this machine; raise ConfigurationError when its libraries are not installed."""
    try:
        from worker.runtimes.onnx import OnnxRuntime
    except ImportError as error:
        raise ConfigurationError(
            f"Drawing needs {error.name}, which is not installed: `pip install 'sdq[onnx]'`."
        ) from error
    return OnnxRuntime(cache_dir=cache, threads=threads)
