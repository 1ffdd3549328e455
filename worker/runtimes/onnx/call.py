"""One MIL operation with its arguments looked up: the input of every function in `ops`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from worker.mlpackage.program import Operation, Tensor
from worker.runtimes.onnx.graph import Graph, Value


class UnsupportedError(Exception):
    """This use of an operation cannot be translated; the text says why, in a few words.

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
        """The results, as the package declares them: one Tensor each."""
        return self._operation.outputs

    @property
    def output(self) -> Tensor:
        """The only result, as the package declares it."""
        (output,) = self._operation.outputs
        return output

    def has(self, name: str) -> bool:
        """Whether the parameter is present."""
        return name in self._arguments

    def value(self, name: str) -> Value:
        """Return the argument of a required parameter."""
        values = self._arguments.get(name, ())
        if len(values) != 1:
            raise UnsupportedError(f"{len(values)} arguments for {name!r}")
        return values[0]

    def values(self, name: str) -> tuple[Value, ...]:
        """Return all arguments of a tuple parameter."""
        return self._arguments.get(name, ())

    def optional(self, name: str) -> Value | None:
        """Return the argument of a parameter, None if it is absent."""
        return self.value(name) if self.has(name) else None

    def const(self, name: str, default: Any = None) -> Any:
        """Return a constant argument as an int, float, bool, str or list; `default` if it is absent."""
        if not self.has(name):
            return default
        held = self.value(name).initializer
        if held is None:
            raise UnsupportedError(f"{name!r} is computed at run time")
        return held.load().tolist()

    def required(self, name: str) -> Any:
        """Return a required constant argument."""
        self.value(name)
        return self.const(name)


#: Adds the nodes of one operation to the graph and returns the values of its outputs, in order.
Translate = Callable[[Call, Graph], Value | tuple[Value, ...]]
