"""A package or compiled model -> plain ONNX on disk, from which each library makes what it loads."""

from __future__ import annotations

from pathlib import Path

from sdq_core.models.compiled import CompiledModel
from sdq_core.models.package import Package
from worker.mlpackage.program import Program
from worker.runtimes.inputs import Input
from worker.runtimes.onnx import translate
from worker.runtimes.onnx.cache import Entry, TranslationCache


def plain_translation(
    cache: TranslationCache, network: Package | CompiledModel, *, rebuild: bool = False
) -> Entry:
    """Return a network's translation as it is, for any library and machine; written unless the cache has it.

    Raises what `write_translation` raises, and OutputError or StorageError if it cannot be stored.
    """
    return cache.get(
        network,
        f"{translate.VERSION} plain",
        lambda folder: write_translation(network, folder),
        rebuild=rebuild,
    )


def write_translation(
    network: Package | CompiledModel, folder: Path
) -> tuple[tuple[Input, ...], tuple[str, ...]]:
    """Write a network's translation to an empty folder; return its inputs and the names of its outputs.

    Raises PackageError if the network is damaged or uses operations that cannot be translated.
    """
    # Imported here: a translation that is there needs neither protobuf nor onnx.
    from worker.runtimes.onnx.model_file import write_model

    program = _read_program(network)
    graph = translate.translate(program)
    with translate.refusing_damage(program, "its constants"):
        write_model(graph, folder)
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


def _read_program(network: Package | CompiledModel) -> Program:
    if isinstance(network, CompiledModel):
        from worker.mlmodelc import text

        return text.read_program(network)
    from worker.mlpackage import proto

    return proto.read_program(network)
