"""The few fields of a package's `model.mlmodel` that describe its network.

Read from protobuf's wire format without coremltools and NumPy, which a machine that only submits does not have. The
description is small; the program is megabytes, and `read_description` skips it by its length. Sizes are bounded, and
a damaged file always ends in ValueError or IndexError.

https://apple.github.io/coremltools/mlmodel/Format/Model.html
https://github.com/apple/coremltools/blob/9.0/mlmodel/format/MIL.proto
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sdq_core.models.wire import Buffer, Span, fields, first, messages, text, varint

Shape = tuple[int, ...]

#: Stable Diffusion's networks have about twenty features of a few fields each; these limits bound the time and memory
#: that a damaged file can cost.
_MAX_FEATURES = 512
_MAX_PARTS = 32
_MAX_DIMENSIONS = 16
_MAX_SIZE = 2**31 - 1
_MAX_NAME_BYTES = 1000
_MAX_MODEL_FIELDS = 4096

# Model: description, program. Program: functions. Function: blocks. Block: operations.
_DESCRIPTION, _PROGRAM, _FUNCTIONS, _BLOCKS, _OPERATIONS = 2, 502, 2, 3, 3
# ModelDescription: inputs, outputs, and in newer packages functions that have their own.
_INPUTS, _OUTPUTS, _DESCRIBED_FUNCTIONS = 1, 10, 20
# Operation: type, attributes. Entries of a map: key, value.
_TYPE, _ATTRIBUTES, _KEY, _VALUE = 1, 5, 1, 2
# Value: type. ValueType: tensor type.
_VALUE_TYPE, _TENSOR_TYPE = 2, 1
_FLOATS = {10: "float16", 11: "float32"}


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a network is made of.

    operations: how often each occurs.
    palette_bits: the sizes of palettes, ascending.
    uncompressed: how most of the other weights are kept, `float16` or `float32`; None without such weights.
    """

    operations: Mapping[str, int]
    palette_bits: tuple[int, ...]
    uncompressed: str | None


def read_description(data: Buffer) -> tuple[dict[str, Shape], dict[str, Shape]]:
    """Return name -> shape of inputs and of outputs; an empty shape was not declared."""
    for number, value in fields(data, (0, len(data)), limit=_MAX_FEATURES):
        if number == _DESCRIPTION and isinstance(value, tuple):
            return _read_description(data, value)
    raise ValueError("it describes no inputs")


def read_program(data: Buffer) -> Program:
    """Return the operations of the first function's first block: Stable Diffusion's packages have one of each."""
    operations: Counter[str] = Counter()
    elements: Counter[str] = Counter()
    bits: set[int] = set()
    for number, program in fields(data, (0, len(data)), limit=_MAX_MODEL_FIELDS):
        if number != _PROGRAM or not isinstance(program, tuple):
            continue
        block = first(data, program, _FUNCTIONS, _VALUE, _BLOCKS, _VALUE)
        for operation in messages(data, block, _OPERATIONS) if block else ():
            named = first(data, operation, _TYPE)
            kind = text(data, named).rpartition(".")[2] if named else ""
            operations[kind] += 1
            if kind == "const":
                data_type, shape = _attribute_type(data, operation, "val")
                if word := _FLOATS.get(data_type):
                    elements[word] += math.prod(shape)
            elif kind == "constexpr_lut_to_dense":
                _, table = _attribute_type(data, operation, "lut")
                if table and table[0]:
                    bits.add(table[0].bit_length() - 1)
    return Program(
        operations=operations,
        palette_bits=tuple(sorted(bits)),
        uncompressed=max(elements, key=lambda word: elements[word], default=None),
    )


def _read_description(
    data: Buffer, span: Span, *, of_function: bool = False
) -> tuple[dict[str, Shape], dict[str, Shape]]:
    inputs: dict[str, Shape] = {}
    outputs: dict[str, Shape] = {}
    for number, value in fields(data, span, limit=_MAX_FEATURES):
        if not isinstance(value, tuple):
            continue
        if number == _INPUTS:
            inputs.update([_read_feature(data, value)])
        elif number == _OUTPUTS:
            outputs.update([_read_feature(data, value)])
        elif number == _DESCRIBED_FUNCTIONS and not inputs and not of_function:
            # If there are several functions, the first one's features.
            inputs, of_first = _read_description(data, value, of_function=True)
            outputs.update(of_first)
    return inputs, outputs


def _read_feature(data: Buffer, span: Span) -> tuple[str, Shape]:
    name: str = ""
    shape: Shape = ()
    for number, value in fields(data, span, limit=_MAX_PARTS):
        if isinstance(value, tuple):
            if number == 1:
                if value[1] - value[0] > _MAX_NAME_BYTES:
                    raise ValueError("a name is too long")
                name = text(data, value)
            elif number == 3:
                shape = _read_shape(data, value)
    return name, shape


def _read_shape(data: Buffer, feature_type: Span) -> Shape:
    shape: list[int] = []
    for number, array in fields(data, feature_type, limit=_MAX_PARTS):
        if number != 5 or not isinstance(array, tuple):
            continue
        for field, value in fields(data, array, limit=_MAX_PARTS):
            if field != 1:
                continue
            if isinstance(value, int):
                shape.append(value)
            else:  # packed
                position, end = value
                while position < end and len(shape) <= _MAX_DIMENSIONS:
                    dimension, position = varint(data, position, end)
                    shape.append(dimension)
    if len(shape) > _MAX_DIMENSIONS or max(shape, default=0) > _MAX_SIZE:
        raise ValueError("it has an impossible shape")
    return tuple(shape)


def _attribute_type(data: Buffer, operation: Span, name: str) -> tuple[int, Shape]:
    """Return element type and shape of an operation's attribute; (0, ()) if the operation does not hold it."""
    for attribute in messages(data, operation, _ATTRIBUTES):
        key = first(data, attribute, _KEY)
        if key is None or text(data, key) != name:
            continue
        tensor = first(data, attribute, _VALUE, _VALUE_TYPE, _TENSOR_TYPE)
        if tensor is None:
            break
        data_type, shape = 0, []
        for number, value in fields(data, tensor, limit=_MAX_PARTS):
            if number == 1 and isinstance(value, int):
                data_type = value
            elif number == 3 and isinstance(value, tuple):
                constant = first(data, value, 1)
                sizes = fields(data, constant) if constant else iter(())
                shape.append(next((size for _, size in sizes if isinstance(size, int)), 0))
        return data_type, tuple(shape)
    return 0, ()
