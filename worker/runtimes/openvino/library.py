"""Calls OpenVINO. The only module that imports it."""

from __future__ import annotations

import importlib.metadata
import sys
from functools import cache
from pathlib import Path
from typing import Any

# openvino's tools report their use to Google Analytics through this package where it is installed and a user agreed.
# sdq does not use those tools; without it they cannot report anything.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

FLOAT32 = "f32"
_BFLOAT16 = "bf16"
_DEVICE = "CPU"


class OpenVinoError(Exception):
    """OpenVINO rejects a translation; the text is its own, in one line."""


@cache
def _core() -> Any:
    return openvino.Core()


def versions() -> dict[str, str]:
    """Return the version of OpenVINO."""
    return {"openvino": importlib.metadata.version("openvino")}


def fastest_precision() -> str:
    """Return what this processor computes fastest without leaving float32's range: `bf16` where it can, else `f32`.

    OpenVINO's own default is float32 where bfloat16 is only emulated, and float16 on some processors.
    """
    usual = _core().get_property(_DEVICE, "INFERENCE_PRECISION_HINT").get_type_name()
    can = _core().get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")
    return _BFLOAT16 if usual != FLOAT32 and "BF16" in can else FLOAT32


def load(translation: Path, *, precision: str, threads: int | None) -> Any:
    """Compile a translation for this machine and return what runs it; raise OpenVinoError if OpenVINO rejects it.

    precision: what to compute in. threads: None for OpenVINO's own choice.

    Its weights are mapped, so what is held besides is only what is rearranged for this processor. What OpenVINO can
    store of a compiled network (`CACHE_DIR`, `export_model`) takes as long to load as compiling it again: it rearranges
    the weights at every load either way.
    """
    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
        # Each lane's engine would be pinned to the same first cores, beside the workers that save images there.
        "ENABLE_CPU_PINNING": False,
        # Denormal numbers, common after softmax, cost a hundred cycles each and change no pixel.
        "CPU_DENORMALS_OPTIMIZATION": True,
    }
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = threads
    try:
        return _core().compile_model(translation, _DEVICE, settings).create_infer_request()
    except RuntimeError as error:
        raise OpenVinoError(one_line(error)) from error


def one_line(error: BaseException) -> str:
    """Return a message of OpenVINO's, which span several lines and name its source files, in one."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
