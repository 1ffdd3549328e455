"""Packages made by coremltools' MIL builder; modules that import this are skipped where coremltools is missing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

logging.getLogger("coremltools").setLevel(logging.CRITICAL)
ct = pytest.importorskip("coremltools", reason="coremltools, which builds the packages, is missing")

from coremltools.converters import mil  # noqa: E402
from coremltools.optimize import coreml as cto  # noqa: E402
from coremltools.proto import MIL_pb2, Model_pb2  # noqa: E402

__all__ = ["TARGETS", "MIL_pb2", "Model_pb2", "convert", "ct", "cto", "mb", "save_package"]

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
