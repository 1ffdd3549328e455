"""What every runtime gives: models loaded from packages and called with arrays.

A runtime is the only code that knows its library. Two ship: `onnx` (any machine) and `coreml` (macOS). Both pass the
same contract tests, and a third must be able to join without a change outside this folder.
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

        inputs: every expected input, by name and of its shape; any float dtype, never changed in place.
        Returns every output by name, float32. Raises PackageError for a missing, unknown or misshapen input,
        ComputeError when the library fails in the middle.
        """
        ...


class Runtime(Protocol):
    """Loads packages; holds no state besides its settings."""

    @property
    def name(self) -> str:
        """``onnx`` or ``coreml``, recorded with every image."""
        ...

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of the libraries that compute, recorded with every image."""
        ...

    def load(self, package: Path, compute_unit: ComputeUnit) -> LoadedModel:
        """Load one ``.mlpackage``; raise PackageError when it is damaged or not supported."""
        ...
