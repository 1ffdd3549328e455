"""What to install so that a machine draws. Says it without importing what may be missing."""

from __future__ import annotations

import sys

#: The newest Python for which coremltools is released; the extra `coreml` in `pyproject.toml` has the same limit.
_NEWEST_FOR_CORE_ML = (3, 13)


def how_to_install() -> str:
    """Name the commands that give this machine its runtime, as the end of a sentence without its full stop."""
    if sys.platform != "darwin":
        return "`pip install 'sdq[onnx]'`"
    if sys.version_info[:2] <= _NEWEST_FOR_CORE_ML:
        return "`pip install 'sdq[coreml]'`"
    return (
        f"Core ML needs coremltools, which is not released for Python {sys.version_info[0]}.{sys.version_info[1]}, so "
        "make the environment with Python 3.11 to 3.13 and `pip install 'sdq[coreml]'`, or draw on the CPU with "
        "`pip install 'sdq[onnx]'`"
    )
