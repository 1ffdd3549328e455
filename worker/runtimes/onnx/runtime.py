"""ONNX Runtime: packages and compiled models on any machine, computed in float32 on the CPU, or on an NVIDIA GPU."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.compiled import CompiledModel
from sdq_core.models.network import open_network
from sdq_core.models.package import Package
from sdq_core.values.variants import ComputeUnit
from worker.runtimes.inputs import Input
from worker.runtimes.onnx import session, translate
from worker.runtimes.onnx.cache import Entry, TranslationCache
from worker.runtimes.onnx.processors import CPU, Processor
from worker.runtimes.onnx.session import OnnxModel, SessionError
from worker.runtimes.onnx.translation import plain_translation, write_translation


class OnnxRuntime:
    """Loads models through translations kept in a folder; satisfies `worker.runtimes.contract.Runtime`.

    cache_dir: the folder of translations, created when needed; any number of processes may share it. A translation is
    larger than its model: four bytes per weight, however the model compresses them.
    threads: threads per network; None leaves it to ONNX Runtime (one per physical core).
    processor: what computes. Raises ConfigurationError if the installed ONNX Runtime was not built for it.
    """

    def __init__(
        self, cache_dir: Path, threads: int | None = None, processor: Processor = CPU
    ) -> None:
        session.must_have(processor)
        self._cache = TranslationCache(cache_dir)
        self._threads = threads
        self._processor = processor

    @property
    def name(self) -> str:
        """The name recorded with every image."""
        return self._processor.runtime

    @property
    def versions(self) -> Mapping[str, str]:
        """The versions of ONNX Runtime and of the translator."""
        return {**session.versions(), "translator": str(translate.VERSION)}

    @property
    def distinct_units(self) -> tuple[ComputeUnit, ...]:
        """One: it always computes on the same processor."""
        return (ComputeUnit.ALL,)

    def load(self, package: Path, compute_unit: ComputeUnit) -> OnnxModel:  # noqa: ARG002
        """Load one ``.mlpackage`` or ``.mlmodelc``, translating it the first time.

        compute_unit: ignored; there is only one processor.

        Raises InputMissingError if `package` does not exist, PackageError if it is damaged or uses operations that
        cannot be translated (the message names all of them), OutputError or StorageError if the translation cannot be
        stored, ConfigurationError if the processor cannot be used.
        """
        opened = open_network(package)
        try:
            return OnnxModel(package, self._translation(opened), self._threads, self._processor)
        except SessionError:
            # The entry has the right size but is damaged: translate once more.
            entry = self._translation(opened, rebuild=True)
        try:
            return OnnxModel(package, entry, self._threads, self._processor)
        except SessionError as error:
            raise PackageError(
                f"ONNX Runtime does not load the translation of {package}: {error}. Install another version of "
                "onnxruntime, and report this."
            ) from error

    def _translation(self, network: Package | CompiledModel, *, rebuild: bool = False) -> Entry:
        if not self._processor.prepared:
            return plain_translation(self._cache, network, rebuild=rebuild)

        def write(folder: Path) -> tuple[tuple[Input, ...], tuple[str, ...]]:
            plain = folder / "plain"
            plain.mkdir()
            described = write_translation(network, plain)
            session.prepare(plain, folder)
            shutil.rmtree(plain)
            return described

        version = f"{translate.VERSION} {session.kind_of_machine()}"
        return self._cache.get(network, version, write, rebuild=rebuild)
