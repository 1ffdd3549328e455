"""OpenVINO: packages and compiled models on the CPU, U-Net and VAE in bfloat16 where the processor computes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.network import open_network
from sdq_core.values.variants import ComputeUnit
from worker.runtimes.onnx import translate
from worker.runtimes.onnx.cache import Entry, TranslationCache
from worker.runtimes.onnx.translation import plain_translation
from worker.runtimes.openvino import library
from worker.runtimes.openvino.library import OpenVinoError
from worker.runtimes.openvino.model import OpenVinoModel

#: The inputs of U-Nets, their chunks, and VAE decoders. They take nearly all of the time; text encoders and safety
#: checkers stay in float32.
_OF_PICTURES = {"encoder_hidden_states", "z"}


class OpenVinoRuntime:
    """Loads models through translations kept in a folder; satisfies `worker.runtimes.contract.Runtime`.

    cache_dir: the folder of translations, created when needed; any number of processes may share it. A translation is
    larger than its model: four bytes per weight, however the model compresses them.
    threads: threads per network; None leaves it to OpenVINO (one per physical core).
    """

    def __init__(self, cache_dir: Path, threads: int | None = None) -> None:
        self._cache = TranslationCache(cache_dir)
        self._threads = threads

    @property
    def name(self) -> str:
        """The name recorded with every image."""
        return "openvino"

    @property
    def versions(self) -> Mapping[str, str]:
        """The versions of OpenVINO and of the translator, and in what U-Net and VAE are computed here."""
        return {
            **library.versions(),
            "translator": str(translate.VERSION),
            "computed_in": library.fastest_precision(),
        }

    @property
    def distinct_units(self) -> tuple[ComputeUnit, ...]:
        """One: it always computes on the CPU."""
        return (ComputeUnit.ALL,)

    def load(self, package: Path, compute_unit: ComputeUnit) -> OpenVinoModel:  # noqa: ARG002
        """Load one ``.mlpackage`` or ``.mlmodelc``, translating it the first time.

        compute_unit: ignored; there is only the CPU.

        Raises InputMissingError if `package` does not exist, PackageError if it is damaged or uses operations that
        cannot be translated (the message names all of them), OutputError or StorageError if the translation cannot be
        stored.
        """
        network = open_network(package)
        try:
            return self._loaded(package, plain_translation(self._cache, network))
        except OpenVinoError:
            # The entry has the right size but is damaged: translate once more.
            entry = plain_translation(self._cache, network, rebuild=True)
        try:
            return self._loaded(package, entry)
        except OpenVinoError as error:
            raise PackageError(
                f"OpenVINO does not load the translation of {package}: {error}. Install another version of openvino or "
                "choose another runtime, and report this."
            ) from error

    def _loaded(self, package: Path, entry: Entry) -> OpenVinoModel:
        rounds = any(i.name in _OF_PICTURES for i in entry.inputs)
        precision = library.fastest_precision() if rounds else library.FLOAT32
        return OpenVinoModel(package, entry, precision=precision, threads=self._threads)
