"""The Mac's own runtime: runs packages and compiled models on any compute unit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.package import Package
from sdq_core.values.variants import ComputeUnit
from worker.runtimes.coreml import library
from worker.runtimes.coreml.cache import CompiledModels
from worker.runtimes.coreml.features import inputs_of
from worker.runtimes.coreml.model import CoreMLModel
from worker.runtimes.inputs import Input


class CoreMLRuntime:
    """Loads models into Core ML; satisfies `worker.runtimes.contract.Runtime`.

    cache_dir: the folder of compiled models, created when needed; any number of processes may share it. Its path must
    not change (see `cache`).
    system: the operating system with its build.
    """

    def __init__(self, cache_dir: Path, system: str) -> None:
        self._compiled = CompiledModels(cache_dir, system)

    @property
    def name(self) -> str:
        """The name recorded with every image."""
        return "coreml"

    @property
    def versions(self) -> Mapping[str, str]:
        """The version of coremltools; Core ML's version is the system's."""
        return library.versions()

    @property
    def distinct_units(self) -> tuple[ComputeUnit, ...]:
        """All of them."""
        return tuple(ComputeUnit)

    def load(self, package: Path, compute_unit: ComputeUnit) -> CoreMLModel:
        """Load an ``.mlpackage``, compiling it the first time, or an ``.mlmodelc`` as it is.

        The first load for the Neural Engine takes minutes. Raises InputMissingError if `package` does not exist,
        PackageError if it is damaged or Core ML rejects it, OutputError or StorageError if the compiled model cannot be
        stored.
        """
        if package.suffix.lower() == ".mlmodelc":
            inputs = inputs_of(package)
            try:
                return _loaded(package, package, inputs, compute_unit)
            except RuntimeError as error:
                raise _refused(package, compute_unit, error) from error
        opened = Package.open(package)
        inputs = inputs_of(package)
        compiled = self._compiled.get(opened, library.compile_package)
        try:
            return _loaded(package, compiled, inputs, compute_unit)
        except RuntimeError:
            # The compiled model may be damaged although the package is not: compile once more.
            compiled = self._compiled.get(opened, library.compile_package, rebuild=True)
        try:
            return _loaded(package, compiled, inputs, compute_unit)
        except RuntimeError as error:
            raise _refused(package, compute_unit, error) from error


def _loaded(
    source: Path, compiled: Path, inputs: dict[str, Input], compute_unit: ComputeUnit
) -> CoreMLModel:
    # The U-Net runs tens of times per image, the others once: only it is worth the longer preparation. Its chunks also
    # have this input, but no other part does.
    is_unet = "encoder_hidden_states" in inputs
    native = library.load(compiled, compute_unit, fast_prediction=is_unet)
    return CoreMLModel(source, compiled, inputs, native)


def _refused(package: Path, compute_unit: ComputeUnit, error: RuntimeError) -> PackageError:
    reason = " ".join(str(error).split()).rstrip(".") or "no reason given"
    return PackageError(
        f"Core ML cannot load {package} on {compute_unit}: {reason}. Use another compute unit (CPU_ONLY is the "
        "safest), or download the model again."
    )
