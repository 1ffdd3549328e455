"""A network, read from its own file: its inputs and outputs, its attention, and how its weights are kept.

A package describes it in a protobuf file, a compiled model in `metadata.json`; callers need not know which. Attention
and weights follow from the operations: `split_einsum` is the layout whose attention consists of `einsum`, and
palettized weights are looked up in tables whose size gives the bits. So nothing depends on the folder's name.

Files come from strangers: sizes are bounded, pipes are not waited for, and nothing is evaluated. Shapes are read at
once; a package's program, megabytes, only on demand, so submitting does not depend on its length.
"""

from __future__ import annotations

import json
import mmap
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sdq_core.errors import PackageError
from sdq_core.models.mlmodel import Program, Shape, read_description, read_program
from sdq_core.models.wire import Buffer

#: Where every tool that writes packages puts the network; the manifest only repeats this.
MODEL_FILE = Path("Data/com.apple.CoreML/model.mlmodel")
METADATA_FILE = Path("metadata.json")

_MAX_METADATA_BYTES = 1 << 24
_COPIED_BYTES = 1 << 16
_STATED_PRECISION = re.compile(r"[A-Za-z0-9 ,()/-]{1,200}")
_COMPRESSIONS = {
    "constexpr_lut_to_dense": "palettized",
    "constexpr_affine_dequantize": "quantized",
    "constexpr_blockwise_shift_scale": "quantized",
    "constexpr_sparse_to_dense": "sparse",
}


@dataclass(frozen=True, kw_only=True)
class Network:
    """One `.mlpackage` or `.mlmodelc`.

    path: its folder.
    inputs, outputs: name -> shape; an empty shape was not declared.
    """

    path: Path
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]

    @property
    def splits_heads(self) -> bool:
        """Whether attention is laid out as in Apple's SPLIT_EINSUM (either version).

        Raises PackageError, as `precision` does, if the program is damaged.
        """
        return self._program.operations.get("einsum", 0) > 0

    @property
    def tells_attention(self) -> bool:
        """Whether the operations are known; a compiled model may not list them."""
        return bool(self._program.operations)

    @property
    def precision(self) -> str:
        """How the weights are kept: `6-bit`, `4/6/8-bit`, `quantized`, `sparse`, `float16`, `float32`.

        `palettized` if the palettes do not tell their bits, `unknown` if nothing does.
        """
        program = self._program
        if program.palette_bits:
            return f"{'/'.join(map(str, program.palette_bits))}-bit"
        compressed = (word for name, word in _COMPRESSIONS.items() if program.operations.get(name))
        return next(compressed, program.uncompressed or "unknown")

    @cached_property
    def _program(self) -> Program:
        if _is_compiled(self.path):
            return _program_of(_read_metadata(self.path))
        with _mapped(self.path) as data:
            return read_program(data)


def read_network(model: Path) -> Network:
    """Read an `.mlpackage` or `.mlmodelc`; raise PackageError if it is missing or damaged."""
    if _is_compiled(model):
        metadata = _read_metadata(model)
        inputs, outputs = _schema(metadata, "inputSchema"), _schema(metadata, "outputSchema")
    else:
        with _mapped(model) as data:
            inputs, outputs = read_description(data)
    return Network(path=model, inputs=inputs, outputs=outputs)


def _is_compiled(model: Path) -> bool:
    return model.suffix.lower() == ".mlmodelc"


@contextmanager
def _mapped(package: Path) -> Iterator[Buffer]:
    with (
        _readable(package, MODEL_FILE) as path,
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        yield bytes(data) if len(data) < _COPIED_BYTES else data


@contextmanager
def _readable(model: Path, name: Path) -> Iterator[Path]:
    """Yield a model's file; whatever goes wrong while it is read becomes a PackageError."""
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


def _schema(metadata: Mapping[str, Any], name: str) -> dict[str, Shape]:
    entries = metadata.get(name)
    return {
        entry["name"]: _written_shape(entry.get("shape"))
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and isinstance(entry.get("name"), str)
    }


def _written_shape(written: object) -> Shape:
    """Return the shape written as `"[2, 4, 64, 64]"`; an empty one for anything else."""
    try:
        sizes = json.loads(written) if isinstance(written, str) else written
    except (ValueError, RecursionError):
        return ()
    if isinstance(sizes, list) and all(type(size) is int for size in sizes):
        return tuple(sizes)
    return ()


def _program_of(metadata: Mapping[str, Any]) -> Program:
    operations: Counter[str] = Counter()
    if isinstance(histogram := metadata.get("mlProgramOperationTypeHistogram"), dict):
        for name, count in histogram.items():
            # "Ios16.einsum" and "einsum" both occur, by the version of the compiler.
            operations[name.rpartition(".")[2]] += count if isinstance(count, int) else 0
    stated = metadata.get("storagePrecision")
    if not isinstance(stated, str) or not _STATED_PRECISION.fullmatch(stated):
        return Program(operations=operations, palette_bits=(), uncompressed=None)
    # `Mixed (Float16, Palettized (6 bits))`
    bits = {int(number) for number in re.findall(r"\b(\d{1,2})[ -]bit", stated)}
    return Program(
        operations=operations, palette_bits=tuple(sorted(bits)), uncompressed=stated.lower()
    )
