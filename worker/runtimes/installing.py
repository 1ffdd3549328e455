"""What to install so that a machine can draw. Imports nothing that may be missing."""

from __future__ import annotations

import sys

from sdq_core.values.runtimes import RuntimeChoice

#: The newest Python for which coremltools is released; the extra `coreml` in `pyproject.toml` has the same limit.
_NEWEST_FOR_CORE_ML = (3, 13)


def core_ml_obstacle(platform: str, python: tuple[int, int]) -> str | None:
    """Return why coremltools cannot be installed on this Mac; None if it can, or if this is not a Mac.

    platform: as in `sys.platform`.
    """
    if platform != "darwin" or python <= _NEWEST_FOR_CORE_ML:
        return None
    return (
        f"coremltools has no wheel for Python {python[0]}.{python[1]}, so sdq cannot use Core ML here. Make a virtual "
        "environment with Python 3.11, 3.12 or 3.13, and run `pip install 'sdq[coreml]'` in it."
    )


def how_to_install(choice: RuntimeChoice = RuntimeChoice.AUTO) -> str:
    """Return the commands that install a runtime, as the end of a sentence without its full stop."""
    if choice is RuntimeChoice.CUDA:
        # Both are one package to Python, so one has to go.
        return "`pip uninstall onnxruntime`, then `pip install 'onnxruntime-gpu[cuda,cudnn]'`"
    if choice in (RuntimeChoice.ONNX, RuntimeChoice.OPENVINO) or sys.platform != "darwin":
        extra = RuntimeChoice.OPENVINO if choice is RuntimeChoice.OPENVINO else RuntimeChoice.ONNX
        return f"`pip install 'sdq[{extra}]'`"
    obstacle = core_ml_obstacle(sys.platform, sys.version_info[:2])
    if obstacle is None:
        return "`pip install 'sdq[coreml]'`"
    return f"{obstacle} Or draw on the CPU: `pip install 'sdq[onnx]'`"
