"""Which runtime draws: a choice of the user's, made before any library is loaded."""

from __future__ import annotations

from enum import StrEnum


class RuntimeChoice(StrEnum):
    """A runtime by its name, or `auto`: Core ML on a Mac that has coremltools, else ONNX Runtime on the CPU."""

    AUTO = "auto"
    ONNX = "onnx"
    OPENVINO = "openvino"
    COREML = "coreml"
    CUDA = "cuda"
