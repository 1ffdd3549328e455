"""`model.mlmodel` -> `Program`, from the messages of `messages`.

A package has one function with one block, and constants are operations of their own. The parameters of `constexpr_*`
are attributes up to iOS 17 and inputs later; both become plain inputs here.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from sdq_core.errors import PackageError
from sdq_core.models.colour_layout import ColourLayout, image_layout, require_image_shape
from sdq_core.models.mlmodel import (
    refuse_flexible,
    refuse_kind,
    what_is_impossible,
)
from sdq_core.models.package import Package
from sdq_core.printable import quote
from worker.mlpackage import datatypes
from worker.mlpackage.assembly import Assembly
from worker.mlpackage.datatypes import DataType
from worker.mlpackage.messages import Model
from worker.mlpackage.program import Argument, Constant, Operation, Program, Shape, Tensor
from worker.mlpackage.weights import Weights

_AGAIN = "Copy or download the package again."


def read_program(package: Package) -> Program:
    """Read the network of `package`, mapping its weights without loading them.

    Raises PackageError if it is damaged, is not an ML program, or has inputs that sdq does not support (states,
    flexible shapes, images without colours).
    """
    spec = _parse(package, _bytes(package))
    refuse_kind(package.model, spec.WhichOneof("Type"))
    return _ProgramReader(package).read(spec)


def _bytes(package: Package) -> bytes:
    try:
        return package.model.read_bytes()
    except OSError as error:
        raise PackageError(
            f"{package.model} cannot be read ({error.strerror}). {_AGAIN}"
        ) from error


def _parse(package: Package, data: bytes) -> Any:
    spec = Model()
    try:
        spec.ParseFromString(data)
    except DecodeError as error:
        raise PackageError(f"{package.model} is truncated or damaged. {_AGAIN}") from error
    return spec


class _ProgramReader:
    """Reads one program and keeps its weight files mapped."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._weights = Weights(package)

    def read(self, spec: Any) -> Program:
        description = spec.description
        functions = spec.mlProgram.functions
        name = description.defaultFunctionName or "main"
        if name not in functions:
            raise self._damaged(f"it has no function {quote(name)}")
        function = functions[name]
        block = function.block_specializations.get(function.opset)
        if block is None:
            raise self._damaged(f"it has no block for its opset {quote(function.opset)}")
        inputs = tuple(self._tensor(value) for value in function.inputs)
        for tensor in inputs:
            if None in tensor.shape:
                raise refuse_flexible(self._package.model, tensor.name)
        images = self._images(description, {tensor.name: tensor.shape for tensor in inputs})
        assembly = Assembly(self._package.model, inputs, self._damaged)
        for message in block.operations:
            assembly.add(self._operation(message))
        return replace(assembly.finish(function.opset, list(block.outputs)), images=images)

    def _operation(self, message: Any) -> Operation:
        if message.blocks:
            raise PackageError(
                f"{self._package.model}: operation {quote(message.type)} contains blocks, which sdq does not run. "
                f"Convert the model again without loops or branches."
            )
        inputs: dict[str, tuple[Argument, ...]] = {
            key: (self._constant(value),)
            for key, value in message.attributes.items()
            if key != "name"
        }
        for key, argument in message.inputs.items():
            inputs[key] = tuple(
                binding.name
                if binding.WhichOneof("binding") == "name"
                else self._constant(binding.value)
                for binding in argument.arguments
            )
        outputs = tuple(self._tensor(value) for value in message.outputs)
        name = outputs[0].name if outputs else message.type
        return Operation(type=message.type, name=name, inputs=inputs, outputs=outputs)

    def _tensor(self, message: Any) -> Tensor:
        dtype, shape = self._tensor_type(message.type, message.name)
        return Tensor(name=message.name, dtype=dtype, shape=shape)

    def _tensor_type(self, message: Any, name: str) -> tuple[DataType, Shape]:
        kind = message.WhichOneof("type")
        if kind != "tensorType":
            raise PackageError(
                f"{self._package.model}: {quote(name)} is a {kind or 'value without a type'}, but sdq runs networks "
                f"of tensors only. Use a package without states or lists."
            )
        tensor = message.tensorType
        dtype = datatypes.BY_MIL_NUMBER.get(tensor.dataType)
        if dtype is None:
            raise PackageError(
                f"{self._package.model}: {quote(name)} has data type {tensor.dataType}, which this version "
                "does not read. Upgrade sdq, or convert the model again with float16 weights."
            )
        shape = tuple(
            d.constant.size if d.WhichOneof("dimension") == "constant" else None
            for d in tensor.dimensions
        )
        if impossible := what_is_impossible(shape):
            raise self._damaged(f"{quote(name)} {impossible}")
        return dtype, shape

    def _constant(self, message: Any) -> Constant:
        if message.type.WhichOneof("type") == "listType":
            return self._list(message)
        dtype, shape = self._tensor_type(message.type, "a constant")
        known = tuple(size for size in shape if size is not None)
        if len(known) != len(shape):
            raise self._damaged("a constant has no fixed shape")
        if message.WhichOneof("value") == "blobFileValue":
            blob = message.blobFileValue
            return self._weights.constant(blob.fileName, blob.offset, dtype, known)
        array = self._immediate(message.immediateValue.tensor, dtype, known)
        return Constant(dtype=dtype, shape=known, load=lambda: array)

    def _immediate(self, message: Any, dtype: DataType, shape: tuple[int, ...]) -> NDArray[Any]:
        field = message.WhichOneof("value")
        elements = math.prod(shape)
        if field == "bytes":
            packed = np.frombuffer(message.bytes.values, np.uint8)
            if dtype.bits == 0 or packed.size != dtype.packed_bytes(elements):
                raise self._damaged(f"a constant of shape {shape} has {packed.size} bytes")
            return datatypes.unpack(packed, dtype, elements).reshape(shape)
        stored = getattr(message, field).values if field else ()
        if len(stored) != elements:
            raise self._damaged(f"a constant of shape {shape} has {len(stored)} values")
        try:
            return np.array(list(stored), dtype=dtype.numpy).reshape(shape)
        except (ValueError, TypeError, OverflowError) as error:
            raise self._damaged(f"a constant is not {dtype}: {error}") from error

    def _list(self, message: Any) -> Constant:
        """Read a list of scalars, such as class names, as a one-dimensional constant."""
        values = [self._constant(value) for value in message.immediateValue.list.values]
        dtype = values[0].dtype if values else datatypes.STRING
        if any(value.dtype is not dtype or value.shape not in ((), (1,)) for value in values):
            raise self._damaged("a list contains something other than scalars of one type")
        array = np.array([value.load().item() for value in values], dtype=dtype.numpy)
        return Constant(dtype=dtype, shape=(len(values),), load=lambda: array)

    def _images(self, description: Any, shapes: dict[str, Shape]) -> dict[str, ColourLayout]:
        """Return which inputs of the default function are images, and the order of their channels."""
        default = description.defaultFunctionName
        described = [d.input for d in description.functions if d.name == default]
        found: dict[str, ColourLayout] = {}
        for feature in (f for features in (description.input, *described) for f in features):
            if feature.type.WhichOneof("Type") == "imageType":
                number = feature.type.imageType.colorSpace
                found[feature.name] = image_layout(self._package.model, feature.name, number)
        for name in found.keys() & shapes.keys():
            sizes = tuple(size or 0 for size in shapes[name])
            require_image_shape(self._package.model, name, sizes)
        return found

    def _damaged(self, what: str) -> PackageError:
        return PackageError(f"{self._package.model} is damaged ({what}). {_AGAIN}")
