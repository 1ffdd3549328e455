"""The inputs and outputs that an ``.mlpackage`` declares, read without coremltools.

Submitting checks image size, U-Net batch and missing parts, and a machine that only submits has neither coremltools nor
NumPy. So this walks the few fields that matter of protobuf's wire format in `model.mlmodel`; the network itself (field
502, megabytes) is skipped by its length.

Field numbers: https://apple.github.io/coremltools/mlmodel/Format/Model.html
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.compiled import is_compiled, read_metadata, tensors
from sdq_core.models.wire import fields, varint

#: Where every tool that writes packages puts the network; the manifest only repeats it.
MODEL_FILE = Path("Data/com.apple.CoreML/model.mlmodel")

#: Stable Diffusion's networks have some twenty features of a few fields each; these bound the time and memory that a
#: damaged file can cost.
_MAX_FEATURES = 512
_MAX_PARTS = 32
_MAX_DIMENSIONS = 16
_MAX_SIZE = 2**31 - 1
_MAX_NAME_BYTES = 1000

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
    if is_compiled(package):
        return TensorDescription(
            inputs=dict(tensors(package, "inputSchema")),
            outputs=dict(tensors(package, "outputSchema")),
        )
    path = package / MODEL_FILE
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise PackageError(f"{path} is no file; fetch or convert the package again.")
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
    if is_compiled(package):
        stated = str(read_metadata(package).get("storagePrecision", "")).lower()
        return "palettized" if "palettized" in stated else "dense"
    with (
        (package / MODEL_FILE).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        for operation, word in _COMPRESSIONS.items():
            if data.find(operation) >= 0:
                return word
    return "dense"


def _read_model(data: bytes | mmap.mmap) -> TensorDescription:
    for number, value in fields(data, (0, len(data)), limit=_MAX_FEATURES):
        if number == 2 and isinstance(value, tuple):
            return _read_description(data, value)
    raise ValueError("it describes no inputs")


def _read_description(
    data: bytes | mmap.mmap, span: tuple[int, int], *, of_function: bool = False
) -> TensorDescription:
    inputs: dict[str, tuple[int, ...]] = {}
    outputs: dict[str, tuple[int, ...]] = {}
    for number, value in fields(data, span, limit=_MAX_FEATURES):
        if isinstance(value, tuple):
            if number == 1:
                inputs.update([_read_feature(data, value)])
            elif number == 10:
                outputs.update([_read_feature(data, value)])
            elif (
                number == 20 and not inputs and not of_function
            ):  # several: the first one's features
                function = _read_description(data, value, of_function=True)
                inputs.update(function.inputs)
                outputs.update(function.outputs)
    return TensorDescription(inputs=inputs, outputs=outputs)


def _read_feature(data: bytes | mmap.mmap, span: tuple[int, int]) -> tuple[str, tuple[int, ...]]:
    name: str = ""
    shape: tuple[int, ...] = ()
    for number, value in fields(data, span, limit=_MAX_PARTS):
        if isinstance(value, tuple):
            if number == 1:
                if value[1] - value[0] > _MAX_NAME_BYTES:
                    raise ValueError("a name is too long")
                name = bytes(data[value[0] : value[1]]).decode("utf-8")
            elif number == 3:
                shape = _read_shape(data, value)
    return name, shape


def _read_shape(data: bytes | mmap.mmap, feature_type: tuple[int, int]) -> tuple[int, ...]:
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
