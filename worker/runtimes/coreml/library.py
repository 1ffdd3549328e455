"""Calls Core ML through coremltools: compile, load, predict. The only module that does.

Source, read at coremltools 9.0: `models/_compiled_model.py`, `models/utils.py` (`compile_model`), `models/model.py`.
Everything native is behind one class, `_MLModelProxy`, which exists only in the wheels for macOS.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import platform
import warnings
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from sdq_core.errors import ComputeError, PackageError
from sdq_core.values.variants import ComputeUnit

#: Optimization hints came with macOS 15; coremltools rejects them on older versions.
_HINTS_SINCE = 15


def is_usable() -> bool:
    """Whether coremltools is installed with its native part, which only its macOS wheels have."""
    try:
        _coremltools()
        importlib.import_module("coremltools.libcoremlpython")
    except ImportError:
        return False
    return True


def versions() -> dict[str, str]:
    """Return the version of coremltools; Core ML's version is the macOS build, which every image records."""
    return {"coremltools": importlib.metadata.version("coremltools")}


def compile_package(package: Path, destination: Path) -> None:
    """Compile an ``.mlpackage`` to `destination`, which ends in ``.mlmodelc`` and does not exist.

    Raises PackageError if Core ML rejects the package, OSError if writing fails.
    """
    _coremltools()
    from coremltools.models.utils import compile_model

    try:
        compile_model(str(package), str(destination))
    except OSError:
        raise
    # coremltools raises bare Exception and RuntimeError for everything else.
    except Exception as error:
        raise PackageError(
            f"Core ML cannot compile {package}: {_one_line(error)}. Download or convert it again. If it still fails, "
            "it may need a newer macOS."
        ) from error


def load(compiled: Path, compute_unit: ComputeUnit, *, fast_prediction: bool) -> Any:
    """Load an ``.mlmodelc``; raise RuntimeError immediately if Core ML cannot.

    fast_prediction: let loading take longer so that predictions are faster, if this macOS supports that hint.
    """
    ct = _coremltools()
    hints = None
    if fast_prediction and macos_version() >= (_HINTS_SINCE,):
        hints = {"specializationStrategy": ct.SpecializationStrategy.FastPrediction}
    with warnings.catch_warnings():
        # Some of coremltools' loaders only warn about a failed load, and then the first predict fails.
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return ct.models.CompiledMLModel(
                str(compiled), compute_units=ct.ComputeUnit[compute_unit], optimization_hints=hints
            )
        except RuntimeWarning as warning:
            raise RuntimeError(str(warning)) from warning


def predict(
    model: Any, compiled: Path, inputs: dict[str, NDArray[Any] | Image.Image]
) -> dict[str, Any]:
    """Run a loaded model; raise ComputeError if Core ML fails while it runs.

    inputs: a dict that may be changed; coremltools replaces its float16 arrays with float32 ones.
    """
    try:
        outputs: dict[str, Any] = model.predict(inputs)
    except RuntimeError as error:
        raise ComputeError(
            f"Core ML failed while it ran {compiled.name}: {_one_line(error)}. Low memory can cause this. If it "
            "keeps failing, use another compute unit (CPU_ONLY is the safest)."
        ) from error
    return outputs


def macos_version() -> tuple[int, ...]:
    """Return the version of macOS, such as (15, 1); empty on other systems."""
    version = platform.mac_ver()[0]
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _coremltools() -> Any:
    # On other systems it warns at import that it cannot predict; on macOS, about untested versions of PyTorch.
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    return importlib.import_module("coremltools")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
