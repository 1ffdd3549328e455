"""A translated network in memory, ready to run: the only file that knows ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from sdq.errors import DrawError
from worker.runtimes.inputs import as_apple_reads, rounded
from worker.runtimes.onnx.cache import Entry

_ORT_ERRORS = tuple(
    error
    for error in vars(ort_errors).values()
    if isinstance(error, type) and issubclass(error, Exception)
)


class SessionError(Exception):
    """ONNX Runtime refuses a translated model; the text is its own."""


class OnnxModel:
    """One network; satisfies `worker.runtimes.contract.LoadedModel`.

    May be called from one thread at a time. ONNX Runtime lets go of the GIL while it computes.
    """

    def __init__(self, package: Path, entry: Entry, threads: int | None) -> None:
        self._package = package
        self._inputs = {i.name: i for i in entry.inputs}
        self._outputs = list(entry.outputs)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = threads or 0
        options.inter_op_num_threads = 1
        options.log_severity_level = (
            4  # errors come as exceptions; printed too, they would tear the display
        )
        # Denormal numbers, common behind softmax, cost a hundred cycles each and change no pixel.
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        # Threads that wait for work by spinning take the cores from the worker, which saves the last image meanwhile,
        # and from whatever else the machine does: 253 against 334 ms an image, drained on two shared cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                str(entry.model), options, providers=["CPUExecutionProvider"]
            )
        except _ORT_ERRORS as error:
            raise SessionError(str(error)) from error

    @property
    def expected_inputs(self) -> Mapping[str, Mapping[str, Any]]:
        """Input name -> {"shape": tuple of int, "dtype": NumPy dtype of the package}."""
        return as_apple_reads(self._inputs)

    def __call__(self, **inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Run the network once; see `worker.runtimes.contract.LoadedModel`.

        Inputs are rounded to the package's type, as Core ML does, and computed with in float32.
        """
        feed = {
            name: np.asarray(array, np.float32 if array.dtype.kind == "f" else np.int64, order="C")
            for name, array in rounded(self._package, self._inputs, inputs).items()
        }
        try:
            results = self._session.run(self._outputs, feed)
        except _ORT_ERRORS as error:
            raise DrawError(f"{self._package} failed while it ran: {error}") from error
        return dict(zip(self._outputs, results, strict=True))


def versions() -> dict[str, str]:
    """Return the version of the library that computes."""
    return {"onnxruntime": onnxruntime.__version__}
