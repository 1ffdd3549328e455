"""Which runtime can draw here, and what to install if none can."""

from __future__ import annotations

from collections.abc import Callable

from sdq.doctor.report import Section
from worker.runtimes.installing import core_ml_obstacle

#: What each runtime imports, a Mac's own first.
_NEEDED = {
    "coreml": ("coremltools", "numpy", "tokenizers"),
    "onnx": ("numpy", "onnx", "onnxruntime", "tokenizers"),
}
#: Without either of these, this machine is not meant to draw.
_MARKS = ("coremltools", "onnxruntime")


def missing_runtime(
    platform: str, python: tuple[int, int], is_installed: Callable[[str], bool]
) -> Section | None:
    """Return what to install if no runtime is complete, else None; is_installed takes an import name."""
    mac = platform == "darwin"
    lacking = {
        runtime: [name for name in names if not is_installed(name)]
        for runtime, names in _NEEDED.items()
    }
    if not lacking["onnx"] or (mac and not lacking["coreml"]):
        return None
    extra = "coreml" if mac and core_ml_obstacle(platform, python) is None else "onnx"
    install = f"`pip install 'sdq[{extra}]'`"
    if not any(map(is_installed, _MARKS)):
        return Section(
            title="Drawing",
            not_tried=[
                "No runtime is installed, so this machine can submit images but not draw them. To draw here, run "
                f"{install}."
            ],
        )
    return Section(
        title="Drawing",
        problems=[
            f"Drawing needs packages that are not installed: {', '.join(lacking[extra])}. Run {install}."
        ],
    )
