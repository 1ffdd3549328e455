"""The interface of runtimes: load models and call them with arrays.

Only a runtime uses its library. There are `onnx` (any machine; `cuda` is the same on another processor), `openvino` and
`coreml` (macOS). All pass the same contract tests, and another one changes nothing outside this folder but the names in
`sdq_core.values.runtimes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from sdq_core.values.variants import ComputeUnit


class LoadedModel(Protocol):
    """One network, ready to run."""

    @property
    def expected_inputs(self) -> Mapping[str, Mapping[str, Any]]:
        """Input name -> {"shape": tuple of int, "dtype": NumPy dtype}, as Apple's pipeline reads it."""
        ...

    def __call__(self, **inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Run the network once.

        inputs: every expected input, by name and in its shape; any float dtype, never changed in place. One that is an
            image takes RGB, 0 to 255, as [1, 3, h, w], whatever order the network has its channels in.

        Returns every output by name, float32. Raises PackageError if an input is missing, unknown or has the wrong
        shape, ComputeError if the library fails while it runs.
        """
        ...


class Runtime(Protocol):
    """Loads models; keeps no state besides its settings."""

    @property
    def name(self) -> str:
        """Its name in `RuntimeChoice`; recorded with every image."""
        ...

    @property
    def versions(self) -> Mapping[str, str]:
        """The versions of its libraries; recorded with every image."""
        ...

    @property
    def distinct_units(self) -> tuple[ComputeUnit, ...]:
        """The compute units that differ for it; only one where it always computes on the same processor."""
        ...

    def load(self, package: Path, compute_unit: ComputeUnit) -> LoadedModel:
        """Load one ``.mlpackage`` or ``.mlmodelc``; raise PackageError if it is damaged or not supported."""
        ...
