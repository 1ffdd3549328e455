"""A compiled model in memory, ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker.runtimes.coreml import library
from worker.runtimes.inputs import Input, as_apple_reads, rounded


class CoreMLModel:
    """One network; satisfies `worker.runtimes.contract.LoadedModel`.

    Call it from one thread at a time: predicting is not documented as thread-safe. coremltools holds the GIL for the
    whole call.
    """

    def __init__(
        self, source: Path, compiled: Path, inputs: Mapping[str, Input], native: Any
    ) -> None:
        """Wrap a loaded model. source: the path that the user knows it by. native: coremltools' `CompiledMLModel`."""
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
        # A new dict: coremltools puts float32 arrays into the one that it gets.
        fed: dict[str, NDArray[Any] | Image.Image] = {
            name: array if self._inputs[name].image is None else _picture(array)
            for name, array in rounded(self._source, self._inputs, inputs).items()
        }
        outputs = library.predict(self._native, self._source, fed)
        return {name: np.asarray(value, np.float32) for name, value in outputs.items()}


def _picture(array: NDArray[Any]) -> Image.Image:
    """Turn [1, 3, h, w] of 0 to 255 into the picture that coremltools takes; Core ML orders its channels."""
    return Image.fromarray(array[0].transpose(1, 2, 0).astype(np.uint8))
