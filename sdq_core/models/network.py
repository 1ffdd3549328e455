"""What a network is made of, read from the file itself: its attention and how its weights are kept.

Both are told by the operations of the MIL program: `split_einsum` is the layout whose attention is made of `einsum`,
and palettized weights are looked up in tables whose size says the bits. A compiled model says the same in its
`metadata.json`. So a folder's name need not be believed.

Field numbers: https://github.com/apple/coremltools/blob/9.0/mlmodel/format/MIL.proto
"""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.compiled import is_compiled, read_metadata
from sdq_core.models.description import MODEL_FILE
from sdq_core.models.wire import Buffer, Span, fields, messages, text

_PROGRAM, _FUNCTIONS, _BLOCKS, _OPERATIONS, _ATTRIBUTES = 502, 2, 3, 3, 5
_KEY, _VALUE = 1, 2
_MAX_MODEL_FIELDS = 4096

_QUANTIZED = ("constexpr_affine_dequantize", "constexpr_blockwise_shift_scale")


@dataclass(frozen=True, kw_only=True)
class Network:
    """operations: how often each occurs. palette_bits: the sizes of palettes, ascending; empty when there are none."""

    operations: Mapping[str, int]
    palette_bits: tuple[int, ...] = ()
    stated_precision: str | None = None

    @property
    def splits_heads(self) -> bool:
        """Whether attention is laid out as Apple's SPLIT_EINSUM (either version) does it."""
        return self.operations.get("einsum", 0) > 0

    @property
    def precision(self) -> str:
        """How the weights are kept: `float16`, `6-bit`, `4/6/8-bit` palettes, `quantized`, `sparse`."""
        if self.stated_precision:
            return self.stated_precision
        if self.operations.get("constexpr_lut_to_dense"):
            return (
                f"{'/'.join(map(str, self.palette_bits))}-bit"
                if self.palette_bits
                else "palettized"
            )
        if any(self.operations.get(name) for name in _QUANTIZED):
            return "quantized"
        return "sparse" if self.operations.get("constexpr_sparse_to_dense") else "float16"


def read_network(model: Path) -> Network:
    """Read an `.mlpackage` or `.mlmodelc`; raise PackageError when it is not there or damaged."""
    if is_compiled(model):
        return _from_metadata(model)
    path = model / MODEL_FILE
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _from_program(data)
    except FileNotFoundError:
        raise PackageError(f"{model} has no {MODEL_FILE}: fetch or convert it again.") from None
    except OSError as error:
        raise PackageError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, IndexError) as error:
        raise PackageError(f"{path} is damaged ({error}); fetch or convert it again.") from None


def _from_program(data: Buffer) -> Network:
    operations: Counter[str] = Counter()
    bits: set[int] = set()
    for number, program in fields(data, (0, len(data)), limit=_MAX_MODEL_FIELDS):
        if number == _PROGRAM and isinstance(program, tuple):
            for operation in _operations(data, program):
                kind = next((text(data, span) for span in messages(data, operation, 1)), "")
                operations[kind.rpartition(".")[2]] += 1
                if kind == "constexpr_lut_to_dense" and (size := _table_size(data, operation)):
                    bits.add(size.bit_length() - 1)
    return Network(operations=operations, palette_bits=tuple(sorted(bits)))


def _operations(data: Buffer, program: Span) -> list[Span]:
    """The operations of the first function's first block: packages of Stable Diffusion have one of each."""
    for entry in messages(data, program, _FUNCTIONS):
        for function in messages(data, entry, _VALUE):
            for specialization in messages(data, function, _BLOCKS):
                for block in messages(data, specialization, _VALUE):
                    return list(messages(data, block, _OPERATIONS))
    return []


def _table_size(data: Buffer, operation: Span) -> int:
    """The number of values in a lookup table; 0 when it is not written at the operation itself."""
    for attribute in messages(data, operation, _ATTRIBUTES):
        if not any(text(data, key) == "lut" for key in messages(data, attribute, _KEY)):
            continue
        for value in messages(data, attribute, _VALUE):
            for value_type in messages(data, value, 2):
                for tensor in messages(data, value_type, 1):
                    for dimension in messages(data, tensor, 3):
                        for constant in messages(data, dimension, 1):
                            for _, size in fields(data, constant):
                                return size if isinstance(size, int) else 0
    return 0


def _from_metadata(model: Path) -> Network:
    metadata = read_metadata(model)
    histogram = metadata.get("mlProgramOperationTypeHistogram")
    operations: Counter[str] = Counter()
    if isinstance(histogram, dict):
        for name, count in histogram.items():
            # "Ios16.einsum" and "einsum" both occur, by the version of the compiler.
            operations[str(name).rpartition(".")[2]] += count if isinstance(count, int) else 0
    stated = metadata.get("storagePrecision")
    return Network(
        operations=operations,
        stated_precision=_short_precision(stated) if isinstance(stated, str) else None,
    )


def _short_precision(stated: str) -> str:
    """`Mixed (Float16, Palettized (6 bits))` -> `6-bit`; others in lower case."""
    words = stated.replace("(", " ").replace(")", " ").replace(",", " ").split()
    bits = sorted({int(a) for a, b in pairwise(words) if a.isdigit() and b.startswith("bit")})
    return f"{'/'.join(map(str, bits))}-bit" if bits else stated.lower()
