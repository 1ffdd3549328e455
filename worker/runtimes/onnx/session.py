"""A translated network in memory, ready to run. The only module that imports onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from sdq_core.errors import ComputeError, ConfigurationError
from sdq_core.values.machine import chip, instruction_set
from sdq_core.values.runtimes import RuntimeChoice
from worker.runtimes.inputs import as_apple_reads
from worker.runtimes.installing import how_to_install
from worker.runtimes.onnx.cache import MODEL, WEIGHTS, Entry
from worker.runtimes.onnx.feed import feed
from worker.runtimes.onnx.processors import CPU, Processor

_ORT_ERRORS: tuple[type[Exception], ...] = tuple(
    error
    for error in vars(ort_errors).values()
    if isinstance(error, type) and issubclass(error, Exception)
)
_RUN_ERRORS: tuple[type[Exception], ...] = (*_ORT_ERRORS, MemoryError)


class SessionError(Exception):
    """ONNX Runtime rejects a translated model; the text is its own."""


class OnnxModel:
    """One network; satisfies `worker.runtimes.contract.LoadedModel`.

    Call it from one thread at a time. ONNX Runtime releases the GIL while it computes.
    """

    def __init__(
        self, package: Path, entry: Entry, threads: int | None, processor: Processor = CPU
    ) -> None:
        self._package = package
        self._inputs = {i.name: i for i in entry.inputs}
        self._outputs = list(entry.outputs)
        self._session = _session(entry.model, _options(threads), processor)

    @property
    def expected_inputs(self) -> Mapping[str, Mapping[str, Any]]:
        """Input name -> {"shape": tuple of int, "dtype": NumPy dtype of the package}."""
        return as_apple_reads(self._inputs)

    def __call__(self, **inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Run the network once; see `worker.runtimes.contract.LoadedModel`.

        Inputs are rounded to the package's type, as in Core ML; computation is in float32. Raises ComputeError if ONNX
        Runtime fails while it runs.
        """
        arrays = feed(self._package, self._inputs, inputs)
        try:
            results = self._session.run(self._outputs, arrays)
        except _RUN_ERRORS as error:
            raise ComputeError(
                f"ONNX Runtime failed while it ran {self._package.name}: {_one_line(error)}. Low memory can cause "
                "this. If it keeps failing, report it with the output of `sdq doctor`."
            ) from error
        return dict(zip(self._outputs, results, strict=True))


def must_have(processor: Processor) -> None:
    """Raise ConfigurationError unless the installed ONNX Runtime was built for a processor."""
    if processor.provider not in onnxruntime.get_available_providers():
        raise ConfigurationError(
            f"ONNX Runtime {onnxruntime.__version__} here has no {processor.provider}. Run "
            f"{how_to_install(RuntimeChoice.CUDA)}, or choose another runtime."
        )


def prepare(plain: Path, folder: Path) -> None:
    """Write the network optimized for this machine to `folder`, from the translation in the folder `plain`.

    ONNX Runtime fuses operations and rearranges weights at every load, in memory of its own besides the file's. If the
    result is stored, a load maps the file: 0.1 instead of 9 s for a U-Net of Stable Diffusion 1.5's size, and 4.4
    instead of 5.5 GB. It is valid for this library and processor (`kind_of_machine`). If it cannot be created, the
    translation itself is used, which gives the same images and loads more slowly.
    """
    options = _options(None)
    options.optimized_model_filepath = str(folder / MODEL)
    for name, value in (
        ("optimized_model_external_initializers_file_name", WEIGHTS),
        ("optimized_model_external_initializers_min_size_in_bytes", "1024"),
        ("save_external_prepacked_constant_initializers", "1"),
    ):
        options.add_session_config_entry(f"session.{name}", value)
    try:
        _session(plain / MODEL, options, CPU)
    except SessionError:
        for path in plain.iterdir():
            path.replace(folder / path.name)
    for name in (MODEL, WEIGHTS):
        if (folder / name).exists():
            with (folder / name).open("rb") as stream:
                os.fsync(stream.fileno())


def kind_of_machine() -> str:
    """Return what a prepared network depends on besides the translation, as text."""
    return f"{onnxruntime.__version__} {chip()} {instruction_set()}"


def _options(threads: int | None) -> Any:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    # A memory plan for the whole run doubles its memory from the second run on: 5.2 against 4.4 GB at 64x64 latents.
    options.enable_mem_pattern = False
    # Errors are raised; printing them too would break the progress display.
    options.log_severity_level = 4
    # Denormal numbers, common after softmax, cost a hundred cycles each and change no pixel.
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    # Threads that spin while waiting for work take the cores from the worker, which saves the previous image then, and
    # from other programs: 334 against 253 ms per image without it, measured on two shared cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _session(model: Path, options: Any, processor: Processor) -> Any:
    try:
        session = onnxruntime.InferenceSession(
            str(model), options, providers=[(processor.provider, dict(processor.options))]
        )
    except _ORT_ERRORS as error:
        raise SessionError(_one_line(error)) from error
    # ONNX Runtime goes on with the CPU if a provider does not start, which would take a hundred times as long.
    if session.get_providers()[0] != processor.provider:
        raise ConfigurationError(
            f"ONNX Runtime {onnxruntime.__version__} cannot start its {processor.provider}: the driver, CUDA or "
            "cuDNN is missing or of another version than it was built for. Run "
            f"{how_to_install(RuntimeChoice.CUDA)}, or choose another runtime."
        )
    return session


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def versions() -> dict[str, str]:
    """Return the version of ONNX Runtime."""
    return {"onnxruntime": onnxruntime.__version__}
