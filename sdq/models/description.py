"""The inputs and outputs that an ``.mlpackage`` declares, read without coremltools.

Submitting checks image size, U-Net batch and missing parts, and a machine that only submits has neither coremltools nor
NumPy. So this walks the few fields that matter of protobuf's wire format in `model.mlmodel`; the network itself (field
502, megabytes) is skipped by its length.

Field numbers: https://apple.github.io/coremltools/mlmodel/Format/Model.html
Wire format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sdq.errors import PackageError

#: Where every tool that writes packages puts the network; the manifest only repeats it.
MODEL_FILE = Path("Data/com.apple.CoreML/model.mlmodel")

_MAX_FEATURES = 4096

_COMPRESSIONS = {
    b"constexpr_lut_to_dense": "palettized",
    b"constexpr_affine_dequantize": "quantized",
    b"constexpr_blockwise_shift_scale": "quantized",
    b"constexpr_sparse_to_dense": "sparse",
}


@dataclass(frozen=True, kw_only=True)
class TensorDescription:
    """The declared shapes of a package's arrays by name; an empty shape was not declared."""

    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]


def describe(package: Path) -> TensorDescription:
    """Read what a package declares; raise PackageError when it is not there or not readable."""
    path = package / MODEL_FILE
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _read_model(memoryview(data).tobytes() if len(data) < 1 << 16 else data)
    except FileNotFoundError:
        raise PackageError(
            f"{package} has no {MODEL_FILE}: it is incomplete; fetch or convert it again."
        ) from None
    except OSError as error:
        raise PackageError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, IndexError) as error:
        raise PackageError(
            f"{path} is damaged ({error}); fetch or convert the package again."
        ) from None


def weight_compression(package: Path) -> str:
    """Name how a package keeps its weights: `palettized`, `quantized`, `sparse` or `dense`.

    Told by the operations that expand them, whose names stand in the file as text.
    """
    with (
        (package / MODEL_FILE).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        for operation, word in _COMPRESSIONS.items():
            if data.find(operation) >= 0:
                return word
    return "dense"


def _read_model(data: bytes | mmap.mmap) -> TensorDescription:
    for number, value in _fields(data, 0, len(data)):
        if number == 2 and isinstance(value, tuple):
            return _read_description(data, value)
    raise ValueError("it describes no inputs")


def _read_description(data: bytes | mmap.mmap, span: tuple[int, int]) -> TensorDescription:
    inputs: dict[str, tuple[int, ...]] = {}
    outputs: dict[str, tuple[int, ...]] = {}
    for number, value in _fields(data, *span):
        if isinstance(value, tuple):
            if number == 1:
                inputs.update([_read_feature(data, value)])
            elif number == 10:
                outputs.update([_read_feature(data, value)])
            elif number == 20 and not inputs:  # several functions: the first one's features
                function = _read_description(data, value)
                inputs.update(function.inputs)
                outputs.update(function.outputs)
    return TensorDescription(inputs=inputs, outputs=outputs)


def _read_feature(data: bytes | mmap.mmap, span: tuple[int, int]) -> tuple[str, tuple[int, ...]]:
    name: str = ""
    shape: tuple[int, ...] = ()
    for number, value in _fields(data, *span):
        if isinstance(value, tuple):
            if number == 1:
                name = bytes(data[value[0] : value[1]]).decode("utf-8")
            elif number == 3:
                shape = _read_shape(data, value)
    return name, shape


def _read_shape(data: bytes | mmap.mmap, feature_type: tuple[int, int]) -> tuple[int, ...]:
    shape: list[int] = []
    for number, array in _fields(data, *feature_type):
        if number != 5 or not isinstance(array, tuple):
            continue
        for field, value in _fields(data, *array):
            if field != 1:
                continue
            if isinstance(value, int):
                shape.append(value)
            else:  # packed
                position, end = value
                while position < end:
                    dimension, position = _varint(data, position, end)
                    shape.append(dimension)
    return tuple(shape)


def _fields(
    data: bytes | mmap.mmap, position: int, end: int
) -> Iterator[tuple[int, int | tuple[int, int]]]:
    """Yield (field number, value): an int for varints, (start, end) for length-delimited fields."""
    for _ in range(_MAX_FEATURES):
        if position >= end:
            return
        key, position = _varint(data, position, end)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            value, position = _varint(data, position, end)
            yield number, value
        elif wire_type == 2:
            length, position = _varint(data, position, end)
            if length > end - position:
                raise ValueError("a field reaches beyond its end")
            yield number, (position, position + length)
            position += length
        elif wire_type in {1, 5}:
            position += 8 if wire_type == 1 else 4
        else:
            raise ValueError(f"it has wire type {wire_type}")
    raise ValueError("it has too many fields")


def _varint(data: bytes | mmap.mmap, position: int, end: int) -> tuple[int, int]:
    result = 0
    for shift in range(0, 70, 7):
        if position >= end:
            raise ValueError("it ends too early")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
    raise ValueError("a number is too long")
