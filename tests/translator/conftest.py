"""What the translator's tests build with: packages made by coremltools' MIL builder, run by the real runtime."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

logging.getLogger("coremltools").setLevel(logging.CRITICAL)
ct = pytest.importorskip("coremltools", reason="the portable runtime's extra is not installed")

from coremltools.converters import mil  # noqa: E402

from sdq_core.values.variants import ComputeUnit  # noqa: E402
from worker.runtimes.onnx import OnnxRuntime  # noqa: E402

mb = mil.Builder
"""Builds MIL operations; the name is the one in coremltools' own documentation."""
TARGETS = {"macOS13": ct.target.macOS13, "macOS15": ct.target.macOS15}
Shapes = Mapping[str, tuple[int, ...]]


def mil_program(build: Callable[..., Any], shapes: Shapes, target: str) -> Any:
    """Return the MIL program `build` makes of float32 inputs of `shapes`, by their names."""
    specs = [mb.TensorSpec(shape=shape) for shape in shapes.values()]
    names = ", ".join(shapes)
    # The builder names a program's inputs after the parameters of the function it decorates.
    function = eval(f"lambda {names}: build({names})", {"build": build})
    return mb.program(input_specs=specs, opset_version=TARGETS[target])(function)


def save_package(
    path: Path,
    build: Callable[..., Any],
    shapes: Shapes,
    *,
    target: str = "macOS13",
    passes: bool = False,
    precision: Any = None,
) -> Path:
    """Save the network that `build` makes as a package; without `passes` every operation stays as written."""
    model = convert(build, shapes, target=target, passes=passes, precision=precision)
    model.save(str(path))
    return path


def convert(
    build: Callable[..., Any],
    shapes: Shapes,
    *,
    target: str = "macOS13",
    passes: bool = False,
    precision: Any = None,
) -> Any:
    """Convert the network that `build` makes, as `save_package` does, without saving it."""
    return ct.convert(
        mil_program(build, shapes, target),
        convert_to="mlprogram",
        minimum_deployment_target=TARGETS[target],
        skip_model_load=True,
        compute_precision=precision or ct.precision.FLOAT32,
        pass_pipeline=None if passes else ct.PassPipeline.EMPTY,
    )


@pytest.fixture
def runtime(tmp_path: Path) -> OnnxRuntime:
    return OnnxRuntime(cache_dir=tmp_path / "cache", threads=1)


@pytest.fixture
def evaluate(tmp_path: Path, runtime: OnnxRuntime) -> Callable[..., dict[str, Any]]:
    """Build a network, save it, run it in ONNX Runtime: outputs by name."""

    def run(
        build: Callable[..., Any], inputs: Mapping[str, np.ndarray], **options: Any
    ) -> dict[str, Any]:
        shapes = {name: array.shape for name, array in inputs.items()}
        package = save_package(tmp_path / "network.mlpackage", build, shapes, **options)
        return runtime.load(package, ComputeUnit.ALL)(**inputs)

    return run


def psnr(reference: np.ndarray, value: np.ndarray) -> float:
    """Peak signal to noise ratio in decibels, the peak being the reference's largest magnitude, as Apple has it."""
    noise = float(np.sqrt(np.mean((reference - value) ** 2)))
    return float(20 * np.log10(np.abs(reference).max() / max(noise, 1e-12)))
