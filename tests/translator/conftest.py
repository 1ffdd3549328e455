"""The runtime that the translator's tests run networks with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdq_core.values.variants import ComputeUnit
from worker.runtimes.onnx import OnnxRuntime


@pytest.fixture
def runtime(tmp_path: Path) -> OnnxRuntime:
    return OnnxRuntime(cache_dir=tmp_path / "cache", threads=1)


@pytest.fixture
def evaluate(tmp_path: Path, runtime: OnnxRuntime) -> Callable[..., dict[str, Any]]:
    """Build a network, save it, run it in ONNX Runtime: outputs by name."""

    def run(
        build: Callable[..., Any], inputs: Mapping[str, np.ndarray], **options: Any
    ) -> dict[str, Any]:
        from .building import save_package

        shapes = {name: array.shape for name, array in inputs.items()}
        package = save_package(tmp_path / "network.mlpackage", build, shapes, **options)
        return runtime.load(package, ComputeUnit.ALL)(**inputs)

    return run


def psnr(reference: np.ndarray, value: np.ndarray) -> float:
    """Peak signal to noise ratio in decibels, the peak being the reference's largest magnitude, as Apple has it."""
    noise = float(np.sqrt(np.mean((reference - value) ** 2)))
    return float(20 * np.log10(np.abs(reference).max() / max(noise, 1e-12)))
