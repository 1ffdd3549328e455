"""What ONNX Runtime computes on: the CPU, or an NVIDIA GPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Processor:
    """An execution provider of ONNX Runtime, which each image records as a runtime of its own.

    runtime: the name that is recorded.
    provider, options: ONNX Runtime's name for it, and what it is told.
    prepared: networks are stored as they are computed; else ONNX Runtime optimizes them at every load.
    """

    runtime: str
    provider: str
    options: Mapping[str, str] = field(default_factory=dict)
    prepared: bool


CPU = Processor(runtime="onnx", provider="CPUExecutionProvider", prepared=True)

#: Written against https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html and **not run**, for
#: want of a GPU.
CUDA = Processor(
    runtime="cuda",
    provider="CUDAExecutionProvider",
    options={
        # The first of those that CUDA_VISIBLE_DEVICES leaves.
        "device_id": "0",
        # Shapes are fixed, so what a network takes once is all it takes: doubling would only waste memory.
        "arena_extend_strategy": "kSameAsRequested",
        # The default, EXHAUSTIVE, times all algorithms and takes the fastest: another one, and so other pixels, at
        # the next start.
        "cudnn_conv_algo_search": "HEURISTIC",
    },
    prepared=False,
)
