"""A network, read from its own files: its inputs and outputs, its attention, and how its weights are kept.

A package describes it in a protobuf file, a compiled model as text; callers need not know which. Attention and weights
follow from the operations: `split_einsum` is the layout whose attention consists of `einsum`, and palettized weights
are looked up in tables whose size gives the bits. So nothing depends on the folder's name.

Files come from strangers: sizes are bounded, pipes are not waited for, and nothing is evaluated. What was read is
whole: its description, and every constant at its place in a weight file.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.colour_layout import ColourLayout
from sdq_core.models.compiled import CompiledModel
from sdq_core.models.element_types import ElementType
from sdq_core.models.metadata import Metadata
from sdq_core.models.mil.facts import read_facts
from sdq_core.models.mlmodel import Program, Shape, read_model, refuse_flexible
from sdq_core.models.network_files import NetworkFiles
from sdq_core.models.package import Package
from sdq_core.models.weights import WeightFile

_COMPRESSIONS = {
    "constexpr_lut_to_dense": "palettized",
    "constexpr_lut_to_sparse": "palettized",
    "constexpr_affine_dequantize": "quantized",
    "constexpr_blockwise_shift_scale": "quantized",
    "constexpr_sparse_blockwise_shift_scale": "quantized",
    "constexpr_sparse_to_dense": "sparse",
}
#: Core ML runs compiled models of every kind, also those whose network nothing else reads.
HAS_CORE_ML = sys.platform == "darwin"


@dataclass(frozen=True, kw_only=True)
class Network:
    """One `.mlpackage` or `.mlmodelc`.

    path: its folder.
    inputs, outputs: name -> shape; an empty shape was not declared.
    kinds: input -> its element type; empty for a compiled model that does not say.
    images: input that is an image -> the order of its channels.
    operations: how often each occurs.
    precision: how the weights are kept: `6-bit`, `4/6/8-bit`, `quantized`, `sparse`, `float16`, `float32`; `palettized`
        if the palettes do not tell their bits, `unknown` if nothing does.
    embedded_tokens: how many tokens a text encoder knows, None if it does not tell.
    """

    path: Path
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    kinds: Mapping[str, ElementType]
    operations: Mapping[str, int] = field(repr=False)
    precision: str
    embedded_tokens: int | None = None
    images: Mapping[str, ColourLayout] = field(default_factory=dict)

    @property
    def splits_heads(self) -> bool:
        """Whether attention is laid out as in Apple's SPLIT_EINSUM (either version)."""
        return self.operations.get("einsum", 0) > 0

    @property
    def tells_attention(self) -> bool:
        """Whether the operations are known; a compiled model may not list them."""
        return bool(self.operations)

    @property
    def is_compiled(self) -> bool:
        """Whether it is an `.mlmodelc`."""
        return is_compiled(self.path)


def is_compiled(model: Path) -> bool:
    """Say whether a model's folder is an `.mlmodelc`."""
    return model.suffix.lower() == ".mlmodelc"


def open_network(model: Path) -> Package | CompiledModel:
    """Find the files of an `.mlpackage` or `.mlmodelc`; raise as `Package.open` and `CompiledModel.open` do."""
    return CompiledModel.open(model) if is_compiled(model) else Package.open(model)


def refuse_without_text(model: Path) -> None:
    """Raise PackageError for a compiled model of a kind that only Core ML runs, unless this is a Mac."""
    if is_compiled(model) and not HAS_CORE_ML:
        CompiledModel.open(model)


def read_network(model: Path, *, weights: bool = True) -> Network:
    """Read an `.mlpackage` or `.mlmodelc`.

    weights: whether they must be there; what a damaged network would be is in its description.

    Raises InputMissingError if it does not exist, PackageError if it is incomplete, damaged or not supported.
    """
    if is_compiled(model):
        return _read_compiled(model, weights=weights)
    package = Package.open(model)
    try:
        program = read_model(package.model, package.model.read_bytes())
    except OSError as error:
        raise PackageError(
            f"{package.model} cannot be read ({error.strerror}). {package.again}"
        ) from error
    except (ValueError, IndexError) as error:
        raise PackageError(
            f"{package.model} is truncated or damaged ({error}). {package.again}"
        ) from None
    return _network(package, program, weights=weights)


def _read_compiled(model: Path, *, weights: bool) -> Network:
    """Read a compiled model's text, or what its metadata say of one that only Core ML runs."""
    try:
        compiled = CompiledModel.open(model)
        program = read_facts(compiled.function())
    except PackageError:
        if not HAS_CORE_ML:
            raise
        return _as_stated(model)
    return _network(compiled, program, weights=weights)


def _network(files: NetworkFiles, program: Program, *, weights: bool) -> Network:
    if weights:
        _check_weights(files, program)
    return Network(
        path=files.path,
        inputs=program.inputs,
        outputs=program.outputs,
        kinds=program.kinds,
        operations=program.operations,
        precision=_precision(
            program.operations,
            program.palette_bits,
            max(program.elements, key=lambda word: program.elements[word], default=None),
        ),
        embedded_tokens=program.table_rows,
        images=program.images,
    )


def _as_stated(model: Path) -> Network:
    metadata = Metadata.read(model)
    if flexible := metadata.flexible_input:
        raise refuse_flexible(model, flexible)
    operations = metadata.operations
    return Network(
        path=model,
        inputs=metadata.inputs,
        outputs=metadata.outputs,
        kinds=metadata.kinds,
        operations=operations,
        precision=_precision(operations, metadata.palette_bits, metadata.stated_precision),
    )


def _check_weights(network: NetworkFiles, program: Program) -> None:
    """Raise PackageError unless every constant is where the description says, without reading any."""
    files: dict[str, WeightFile] = {}
    for blob in program.blobs:
        if blob.file not in files:
            files[blob.file] = WeightFile(network.blob_file(blob.file))
        files[blob.file].check(blob.offset, blob.kind, blob.shape)


def _precision(operations: Mapping[str, int], bits: set[int], uncompressed: str | None) -> str:
    if bits:
        return f"{'/'.join(map(str, sorted(bits)))}-bit"
    compressed = (word for name, word in _COMPRESSIONS.items() if operations.get(name))
    return next(compressed, uncompressed or "unknown")
