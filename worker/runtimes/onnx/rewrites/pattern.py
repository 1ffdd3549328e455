"""What a pattern needs to find in a program: the operation that computes a value, and its constants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from worker.mlpackage import datatypes
from worker.mlpackage.program import Constant, Operation, Program, Shape, Tensor


class Producers:
    """The operations of one program, by the names of their outputs."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._operations = {t.name: op for op in program.operations for t in op.outputs}
        self._tensors = {t.name: t for op in program.operations for t in op.outputs}
        self._tensors |= {t.name: t for t in program.inputs}

    def of(self, name: str | None, type_: str) -> Operation | None:
        """Return the operation that computes `name` if it has this type."""
        operation = self._operations.get(name or "")
        return operation if operation is not None and operation.type == type_ else None

    def tensor(self, name: str) -> Tensor | None:
        """Return the declaration of a computed value."""
        return self._tensors.get(name)

    def shape(self, name: str) -> Shape:
        """Return the shape of a computed value, empty if there is no such value."""
        tensor = self._tensors.get(name)
        return tensor.shape if tensor is not None else ()

    def name(self, operation: Operation, parameter: str = "x") -> str | None:
        """Return the name of a parameter's only value, None if it is a constant."""
        arguments = operation.inputs.get(parameter, ())
        if len(arguments) == 1 and isinstance(arguments[0], str):
            return arguments[0]
        return None

    def const(self, operation: Operation, parameter: str, default: Any = None) -> Any:
        """Return a constant as a Python value; `default` if it is absent or computed."""
        arguments = operation.inputs.get(parameter, ())
        if len(arguments) != 1:
            return default
        argument = arguments[0]
        constant = self._program.constants.get(argument) if isinstance(argument, str) else argument
        return default if constant is None else constant.load().tolist()

    def value_and_scalar(self, operation: Operation) -> tuple[str, float] | None:
        """Return the value and the scalar (or vector of one) that x and y of a commutative operation are."""
        for value, scalar in (("x", "y"), ("y", "x")):
            name, number = self.name(operation, value), self.const(operation, scalar)
            if isinstance(number, list) and len(number) == 1:
                (number,) = number
            if name is not None and name in self._tensors and isinstance(number, int | float):
                return name, float(number)
        return None


def replaced(program: Program, match: Callable[[Operation], Operation | None]) -> Program:
    """Return `program` with each operation replaced by what `match` returns for it, unless that is None."""
    return replace(program, operations=tuple(match(op) or op for op in program.operations))


def constant(value: float) -> Constant:
    """Return a scalar as a constant argument."""
    array = np.asarray(value)
    dtype = datatypes.FLOAT64 if array.dtype.kind == "f" else datatypes.INT64
    return Constant(dtype=dtype, shape=(), load=lambda: array)


def attention(
    operation: Operation, query: str, key: str, value: str, *, heads: int, scale: float
) -> Operation:
    """Return the attention of `ops.fused` that replaces `operation`, with its outputs."""
    return Operation(
        type="attention_by_channel",
        name=operation.name,
        inputs={
            "query": (query,),
            "key": (key,),
            "value": (value,),
            "heads": (constant(heads),),
            "scale": (constant(scale),),
        },
        outputs=operation.outputs,
    )
