"""The portable runtime: packages and compiled models on any machine, computed in float32 on the CPU."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.compiled import CompiledModel
from sdq_core.models.network import open_network
from sdq_core.models.package import Package
from sdq_core.values.variants import ComputeUnit
from worker.mlpackage.program import Program
from worker.runtimes.inputs import Input
from worker.runtimes.onnx import session, translate
from worker.runtimes.onnx.cache import Entry, TranslationCache
from worker.runtimes.onnx.session import OnnxModel, SessionError


class OnnxRuntime:
    """Loads models through translations kept in a folder; satisfies `worker.runtimes.contract.Runtime`.

    cache_dir: the folder of translations, created when needed; any number of processes may share it. A translation is
    larger than its model: four bytes per weight, however the model compresses them.
    threads: threads per network; None leaves it to ONNX Runtime (one per physical core).
    """

    def __init__(self, cache_dir: Path, threads: int | None = None) -> None:
        self._cache = TranslationCache(cache_dir)
        self._threads = threads

    @property
    def name(self) -> str:
        """The name recorded with every image."""
        return "onnx"

    @property
    def versions(self) -> Mapping[str, str]:
        """The versions of ONNX Runtime and of the translator."""
        return {**session.versions(), "translator": str(translate.VERSION)}

    @property
    def distinct_units(self) -> tuple[ComputeUnit, ...]:
        """One: it always computes on the CPU."""
        return (ComputeUnit.ALL,)

    def load(self, package: Path, compute_unit: ComputeUnit) -> OnnxModel:  # noqa: ARG002
        """Load one ``.mlpackage`` or ``.mlmodelc``, translating it the first time.

        compute_unit: ignored; there is only the CPU.

        Raises InputMissingError if `package` does not exist, PackageError if it is damaged or uses operations that
        cannot be translated (the message names all of them), OutputError or StorageError if the translation cannot be
        stored.
        """
        opened = open_network(package)
        try:
            return OnnxModel(package, self._translation(opened), self._threads)
        except SessionError:
            # The entry has the right size but is damaged: translate once more.
            entry = self._translation(opened, rebuild=True)
        try:
            return OnnxModel(package, entry, self._threads)
        except SessionError as error:
            raise PackageError(
                f"ONNX Runtime does not load the translation of {package}: {error}. Install another version of "
                "onnxruntime, and report this."
            ) from error

    def _translation(self, network: Package | CompiledModel, *, rebuild: bool = False) -> Entry:
        def write(folder: Path) -> tuple[tuple[Input, ...], tuple[str, ...]]:
            # Imported here: a cached translation needs neither protobuf nor onnx.
            from worker.runtimes.onnx.model_file import write_model

            program = _read_program(network)
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
                    image=program.images.get(tensor.name),
                )
                for tensor in program.inputs
            )
            return inputs, program.outputs

        version = f"{translate.VERSION} {session.kind_of_machine()}"
        return self._cache.get(network, version, write, rebuild=rebuild)


def _read_program(network: Package | CompiledModel) -> Program:
    if isinstance(network, CompiledModel):
        from worker.mlmodelc import text

        return text.read_program(network)
    from worker.mlpackage import proto

    return proto.read_program(network)
