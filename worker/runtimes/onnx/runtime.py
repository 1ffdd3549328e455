"""The portable runtime: `.mlpackage` files on any machine, computed in float32 on the CPU."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.values.variants import ComputeUnit
from worker.mlpackage.package import Package
from worker.runtimes.inputs import Input
from worker.runtimes.onnx import session, translate
from worker.runtimes.onnx.cache import Entry, TranslationCache
from worker.runtimes.onnx.session import OnnxModel, SessionError


class OnnxRuntime:
    """Loads packages through translations kept in a folder; satisfies `worker.runtimes.contract.Runtime`.

    cache_dir: made when it is needed; any number of processes may share it. A translation is larger than its package:
    four bytes per weight, however the package compresses them.
    threads: how many a network computes with; None leaves it to ONNX Runtime (one per physical core).
    """

    def __init__(self, cache_dir: Path, threads: int | None = None) -> None:
        self._cache = TranslationCache(cache_dir)
        self._threads = threads

    @property
    def name(self) -> str:
        """The name that is recorded with every image."""
        return "onnx"

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of what computes: the library and the translator."""
        return {**session.versions(), "translator": str(translate.VERSION)}

    def load(self, package: Path, compute_unit: ComputeUnit) -> OnnxModel:  # noqa: ARG002
        """Load one ``.mlpackage``, translating it the first time.

        compute_unit: any; there is only the CPU. Raises InputMissingError when the package is not there, PackageError
        when it is damaged or uses operations that have no translation (all of them are named), OutputError or
        StorageError when the translation cannot be kept.
        """
        opened = Package.open(package)
        try:
            return OnnxModel(package, self._translation(opened), self._threads)
        except SessionError:
            # The entry has the right size and is damaged all the same: make it anew, once.
            entry = self._translation(opened, anew=True)
        try:
            return OnnxModel(package, entry, self._threads)
        except SessionError as error:
            raise PackageError(
                f"{package} was translated, but ONNX Runtime does not load it: {error}. Draw with another version of "
                "onnxruntime, and report it."
            ) from error

    def _translation(self, package: Package, *, anew: bool = False) -> Entry:
        def write(folder: Path) -> tuple[tuple[Input, ...], tuple[str, ...]]:
            # Imported here: with a translation in the cache neither protobuf nor onnx is needed.
            from worker.mlpackage.proto import read_program
            from worker.runtimes.onnx.model_file import write_model

            program = read_program(package)
            graph = translate.translate(program)
            plain = folder / "plain"
            plain.mkdir()
            with translate.refusing_damage(program, "its constants"):
                write_model(graph, plain)
            session.prepare(plain, folder)
            shutil.rmtree(plain)
            inputs = tuple(
                Input(
                    name=tensor.name,
                    shape=tuple(size for size in tensor.shape if size is not None),
                    dtype=tensor.dtype.numpy,
                )
                for tensor in program.inputs
            )
            return inputs, program.outputs

        version = f"{translate.VERSION} {session.kind_of_machine()}"
        return self._cache.get(package, version, write, anew=anew)
