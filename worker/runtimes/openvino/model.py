"""A compiled network in memory, ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdq_core.errors import ComputeError
from worker.runtimes.inputs import as_apple_reads
from worker.runtimes.onnx.cache import Entry
from worker.runtimes.onnx.feed import feed
from worker.runtimes.openvino import library


class OpenVinoModel:
    """One network; satisfies `worker.runtimes.contract.LoadedModel`.

    Call it from one thread at a time. OpenVINO releases the GIL while it computes.
    """

    def __init__(self, package: Path, entry: Entry, *, precision: str, threads: int | None) -> None:
        self._package = package
        self._inputs = {i.name: i for i in entry.inputs}
        self._outputs = list(entry.outputs)
        self._request = library.load(entry.model, precision=precision, threads=threads)

    @property
    def expected_inputs(self) -> Mapping[str, Mapping[str, Any]]:
        """Input name -> {"shape": tuple of int, "dtype": NumPy dtype of the package}."""
        return as_apple_reads(self._inputs)

    def __call__(self, **inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Run the network once; see `worker.runtimes.contract.LoadedModel`.

        Inputs are rounded to the package's type, as in Core ML. Raises ComputeError if OpenVINO fails while it runs.
        """
        arrays = feed(self._package, self._inputs, inputs)
        try:
            results = self._request.infer(arrays, share_inputs=True)
        except (RuntimeError, MemoryError) as error:
            raise ComputeError(
                f"OpenVINO failed while it ran {self._package.name}: {library.one_line(error)}. Low memory can cause "
                "this. If it keeps failing, report it with the output of `sdq doctor`."
            ) from error
        return {name: np.asarray(results[name], np.float32) for name in self._outputs}
