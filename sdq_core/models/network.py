"""A network, read from its own files: its inputs and outputs, its attention, and how its weights are kept.

A package describes it in a protobuf file, a compiled model in `metadata.json`; callers need not know which. Attention
and weights follow from the operations: `split_einsum` is the layout whose attention consists of `einsum`, and
palettized weights are looked up in tables whose size gives the bits. So nothing depends on the folder's name.

Files come from strangers: sizes are bounded, pipes are not waited for, and nothing is evaluated. A package that was
read is whole: its manifest, its description, and every constant at its place in a weight file.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdq_core.errors import InputMissingError, PackageError
from sdq_core.models.element_types import BY_MIL_NUMBER, ElementType
from sdq_core.models.mlmodel import Program, Shape, read_model, refuse_flexible
from sdq_core.models.package import Package
from sdq_core.models.weights import WeightFile

METADATA_FILE = Path("metadata.json")

_MAX_METADATA_BYTES = 1 << 24
_STATED_PRECISION = re.compile(r"[A-Za-z0-9 ,()/-]{1,200}")
_COMPRESSIONS = {
    "constexpr_lut_to_dense": "palettized",
    "constexpr_lut_to_sparse": "palettized",
    "constexpr_affine_dequantize": "quantized",
    "constexpr_blockwise_shift_scale": "quantized",
    "constexpr_sparse_blockwise_shift_scale": "quantized",
    "constexpr_sparse_to_dense": "sparse",
}

#: `dataType` in the metadata of compiled models.
_KINDS_BY_WORD = {
    "float16": BY_MIL_NUMBER[10],
    "float32": BY_MIL_NUMBER[11],
    "double": BY_MIL_NUMBER[12],
    "float64": BY_MIL_NUMBER[12],
    "int32": BY_MIL_NUMBER[23],
}


@dataclass(frozen=True, kw_only=True)
class Network:
    """One `.mlpackage` or `.mlmodelc`.

    path: its folder.
    inputs, outputs: name -> shape; an empty shape was not declared.
    kinds: input -> its element type; empty for a compiled model that does not say.
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
        """Whether it is an `.mlmodelc`, which only Core ML runs."""
        return _is_compiled(self.path)


def read_network(model: Path, *, weights: bool = True) -> Network:
    """Read an `.mlpackage` or `.mlmodelc`.

    weights: whether they must be there; what a damaged network would be is in its description.

    Raises InputMissingError if it does not exist, PackageError if it is incomplete, damaged or not supported.
    """
    if _is_compiled(model):
        return _read_compiled(model)
    package = Package.open(model)
    try:
        program = read_model(package.model, package.model.read_bytes())
    except OSError as error:
        raise PackageError(
            f"{package.model} cannot be read ({error.strerror}). Copy or download the package again."
        ) from error
    except (ValueError, IndexError) as error:
        raise PackageError(
            f"{package.model} is truncated or damaged ({error}). Copy or download the package again."
        ) from None
    if weights:
        _check_weights(package, program)
    return Network(
        path=model,
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
    )


def _check_weights(package: Package, program: Program) -> None:
    """Raise PackageError unless every constant is where the description says, without reading any."""
    files: dict[str, WeightFile] = {}
    for blob in program.blobs:
        if blob.file not in files:
            files[blob.file] = WeightFile(package.blob_file(blob.file))
        files[blob.file].check(blob.offset, blob.kind, blob.shape)


def _precision(operations: Mapping[str, int], bits: set[int], uncompressed: str | None) -> str:
    if bits:
        return f"{'/'.join(map(str, sorted(bits)))}-bit"
    compressed = (word for name, word in _COMPRESSIONS.items() if operations.get(name))
    return next(compressed, uncompressed or "unknown")


def _is_compiled(model: Path) -> bool:
    return model.suffix.lower() == ".mlmodelc"


def _read_compiled(model: Path) -> Network:
    if not model.exists():
        raise InputMissingError(f"{model} does not exist. Check the model's folder.")
    metadata = _read_metadata(model)
    for entry in _entries(metadata, "inputSchema"):
        if entry.get("hasShapeFlexibility") == "1":
            raise refuse_flexible(model, str(entry["name"]))
    operations, bits, uncompressed = _weights_of(metadata)
    return Network(
        path=model,
        inputs=_schema(metadata, "inputSchema"),
        outputs=_schema(metadata, "outputSchema"),
        kinds=_kinds(metadata),
        operations=operations,
        precision=_precision(operations, bits, uncompressed),
    )


@contextmanager
def _readable(model: Path, name: Path) -> Iterator[Path]:
    """Yield a compiled model's file; whatever goes wrong while it is read becomes a PackageError."""
    path = model / name
    try:
        if path.exists() and not path.is_file():  # opening a pipe would never return
            raise PackageError(f"{path} is not a file. Download or convert the model again.")
        yield path
    except FileNotFoundError:
        raise PackageError(
            f"{model} is incomplete: it has no {name}. Download or convert it again."
        ) from None
    except OSError as error:
        raise PackageError(
            f"Cannot read {path} ({error.strerror}). Check its disk and permissions."
        ) from error
    except (ValueError, IndexError, RecursionError) as error:
        raise PackageError(
            f"{path} is damaged ({error}). Download or convert the model again."
        ) from None


def _read_metadata(model: Path) -> Mapping[str, Any]:
    with _readable(model, METADATA_FILE) as path:
        if path.stat().st_size > _MAX_METADATA_BYTES:
            raise ValueError("it is too large to be a model's metadata")
        content = json.loads(path.read_text(encoding="utf-8"))
        entry = content[0] if isinstance(content, list) and content else content
        if not isinstance(entry, dict):
            raise PackageError(f"{path} does not describe a model. Download or convert it again.")
        return entry


def _entries(metadata: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """Yield the inputs or outputs that a compiled model declares, those with a name."""
    entries = metadata.get(name)
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            yield entry


def _schema(metadata: Mapping[str, Any], name: str) -> dict[str, Shape]:
    return {entry["name"]: _written_shape(entry.get("shape")) for entry in _entries(metadata, name)}


def _written_shape(written: object) -> Shape:
    """Return the shape written as `"[2, 4, 64, 64]"`; an empty one for anything else."""
    try:
        sizes = json.loads(written) if isinstance(written, str) else written
    except (ValueError, RecursionError):
        return ()
    if isinstance(sizes, list) and all(type(size) is int for size in sizes):
        return tuple(sizes)
    return ()


def _kinds(metadata: Mapping[str, Any]) -> dict[str, ElementType]:
    words = {
        entry["name"]: str(entry.get("dataType")).lower()
        for entry in _entries(metadata, "inputSchema")
    }
    return {name: _KINDS_BY_WORD[word] for name, word in words.items() if word in _KINDS_BY_WORD}


def _weights_of(metadata: Mapping[str, Any]) -> tuple[Counter[str], set[int], str | None]:
    """Return operations, sizes of palettes, and how weights without palettes are kept."""
    operations: Counter[str] = Counter()
    if isinstance(histogram := metadata.get("mlProgramOperationTypeHistogram"), dict):
        for name, count in histogram.items():
            # "Ios16.einsum" and "einsum" both occur, by the version of the compiler.
            operations[name.rpartition(".")[2]] += count if isinstance(count, int) else 0
    stated = metadata.get("storagePrecision")
    if not isinstance(stated, str) or not _STATED_PRECISION.fullmatch(stated):
        return operations, set(), None
    # `Mixed (Float16, Palettized (6 bits))`
    bits = {int(number) for number in re.findall(r"\b(\d{1,2})[ -]bit", stated)}
    return operations, bits, stated.lower()
