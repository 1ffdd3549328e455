"""A compiled model in memory, ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.runtimes.coreml import library
from worker.runtimes.inputs import Input, as_apple_reads, rounded


class CoreMLModel:
    """One network; satisfies `worker.runtimes.contract.LoadedModel`.

    May be called from one thread at a time: predicting is not documented as safe from several. coremltools holds the
    GIL for the whole of a call.
    """

    def __init__(
        self, source: Path, compiled: Path, inputs: Mapping[str, Input], native: Any
    ) -> None:
        """source: what the user calls the model. native: coremltools' `CompiledMLModel`."""
        self._source = source
        self._compiled = compiled
        self._inputs = dict(inputs)
        self._native = native

    @property
    def expected_inputs(self) -> Mapping[str, Mapping[str, Any]]:
        """Input name -> {"shape": tuple of int, "dtype": NumPy dtype of the package}."""
        return as_apple_reads(self._inputs)

    def __call__(self, **inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Run the network once; see `worker.runtimes.contract.LoadedModel`."""
        # A dict of our own: coremltools puts float32 arrays into the one that it is given.
        fed = rounded(self._source, self._inputs, inputs)
        outputs = library.predict(self._native, self._source, fed)
        return {name: np.asarray(value, np.float32) for name, value in outputs.items()}
