"""One MIL operation with its arguments looked up: what every function in `ops` is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from worker.mlpackage.program import Operation, Tensor
from worker.runtimes.onnx.graph import Graph, Value


class UnsupportedError(Exception):
    """This operation cannot be translated as it is used here; the text says why, in a few words.

    Never leaves the translator, which collects them all and raises one PackageError.
    """


class Call:
    """The arguments of one operation, by MIL's parameter names."""

    def __init__(self, operation: Operation, arguments: Mapping[str, tuple[Value, ...]]) -> None:
        self._operation = operation
        self._arguments = arguments

    @property
    def type(self) -> str:
        """MIL's name of the operation."""
        return self._operation.type

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """What the package says of the results: one Tensor each."""
        return self._operation.outputs

    @property
    def output(self) -> Tensor:
        """What the package says of the only result."""
        (output,) = self._operation.outputs
        return output

    def has(self, name: str) -> bool:
        """Whether the parameter is given."""
        return name in self._arguments

    def value(self, name: str) -> Value:
        """Return the argument of a parameter that must be given."""
        values = self._arguments.get(name, ())
        if len(values) != 1:
            raise UnsupportedError(f"{len(values)} arguments for {name!r}")
        return values[0]

    def values(self, name: str) -> tuple[Value, ...]:
        """Return all arguments of a tuple parameter."""
        return self._arguments.get(name, ())

    def optional(self, name: str) -> Value | None:
        """Return the argument of a parameter, None where it is not given."""
        return self.value(name) if self.has(name) else None

    def const(self, name: str, default: Any = None) -> Any:
        """Return a constant argument as Python's own int, float, bool, str or list; `default` where it is not given."""
        if not self.has(name):
            return default
        held = self.value(name).initializer
        if held is None:
            raise UnsupportedError(f"{name!r} is computed while running")
        return held.load().tolist()

    def required(self, name: str) -> Any:
        """Return a constant argument that must be given."""
        self.value(name)
        return self.const(name)


Translate = Callable[[Call, Graph], Value | tuple[Value, ...]]
"""Adds the nodes of one operation to the graph and returns what stands for its outputs, in order."""
