"""An ONNX graph while it is being built: plain values and nodes, without the onnx library.

All floats are float32 and all integers int64, whatever their width in the package: ONNX Runtime has almost no float16
kernels for the CPU, and its index operations need int64. Values that fit the narrower type stay the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from worker.mlpackage.datatypes import DataType
from worker.mlpackage.program import Constant, Shape

FLOAT = np.dtype(np.float32)
INTEGER = np.dtype(np.int64)
BOOLEAN = np.dtype(np.bool_)


def computed_dtype(dtype: DataType) -> np.dtype[Any]:
    """Return the type in which values of a package's `dtype` are computed: float32, int64 or bool."""
    if dtype.is_float:
        return FLOAT
    return INTEGER if dtype.is_integer else BOOLEAN


@dataclass(frozen=True, kw_only=True)
class Initializer:
    """A tensor stored in the model.

    dtype: its type in the model.
    shape: its sizes.
    load: returns its array when it is written, in ``dtype`` or to be cast to it.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    load: Callable[[], NDArray[Any]] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Value:
    """A tensor of the graph: computed, an input, or a constant (then with its ``initializer``).

    ``shape`` may have unknown sizes, or be None if it is not needed.
    """

    name: str
    dtype: np.dtype[Any]
    shape: Shape | None
    initializer: Initializer | None = None

    @property
    def rank(self) -> int:
        """The number of dimensions; only for values of known shape."""
        if self.shape is None:
            raise ValueError(f"The rank of {self.name} is unknown.")
        return len(self.shape)

    @property
    def static_shape(self) -> tuple[int, ...] | None:
        """The shape if every size is known, else None."""
        if self.shape is None:
            return None
        sizes = tuple(size for size in self.shape if size is not None)
        return sizes if len(sizes) == len(self.shape) else None


@dataclass(frozen=True, kw_only=True)
class Node:
    """One ONNX operation. An empty input name omits an optional input."""

    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: str = ""


class Graph:
    """Nodes in the order of execution, and the tensors that they need."""

    def __init__(self) -> None:
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []
        self.nodes: list[Node] = []
        self.initializers: dict[str, Initializer] = {}
        #: Prefix of new names: the operation that is being translated.
        self.scope = "graph"
        self._count = 0

    def add(
        self,
        type_: str,
        *inputs: Value | None,
        shape: Shape | None = None,
        dtype: np.dtype[Any] | None = None,
        domain: str = "",
        **attributes: Any,
    ) -> Value:
        """Append a node with one output and return it.

        inputs: None omits an optional one. dtype: of the output; by default the first input's.
        """
        (output,) = self.add_many(
            type_, *inputs, outputs=1, shape=shape, dtype=dtype, domain=domain, **attributes
        )
        return output

    def add_many(
        self,
        type_: str,
        *inputs: Value | None,
        outputs: int,
        shape: Shape | None = None,
        dtype: np.dtype[Any] | None = None,
        domain: str = "",
        **attributes: Any,
    ) -> tuple[Value, ...]:
        """Append a node with several outputs of one type and return them."""
        if dtype is None:
            dtype = next(value.dtype for value in inputs if value is not None)
        results = tuple(
            Value(name=self._name(type_), dtype=dtype, shape=shape) for _ in range(outputs)
        )
        self.nodes.append(
            Node(
                type=type_,
                inputs=tuple("" if value is None else self._used(value) for value in inputs),
                outputs=tuple(value.name for value in results),
                attributes=attributes,
                domain=domain,
            )
        )
        return results

    def constant(self, values: ArrayLike, dtype: np.dtype[Any] | None = None) -> Value:
        """Return `values` as a constant; it becomes part of the model when a node takes it."""
        array = np.asarray(values, dtype)
        if array.dtype.kind == "f":
            array = array.astype(FLOAT)
        elif array.dtype.kind in "iu":
            array = array.astype(INTEGER)
        initializer = Initializer(dtype=array.dtype, shape=array.shape, load=lambda: array)
        return self.held(self._name("constant"), initializer)

    def shared_ones(self, size: int) -> Value:
        """Return a vector of ones, stored only once per size."""
        ones = Initializer(dtype=FLOAT, shape=(size,), load=lambda: np.ones(size, FLOAT))
        return self.held(f"ones/{size}", ones)

    def held(self, name: str, initializer: Initializer) -> Value:
        """Return a constant with an initializer."""
        return Value(
            name=name, dtype=initializer.dtype, shape=initializer.shape, initializer=initializer
        )

    def package_constant(self, name: str, constant: Constant) -> Value:
        """Return a constant of the package, in the type in which it is computed."""
        initializer = Initializer(
            dtype=computed_dtype(constant.dtype), shape=constant.shape, load=constant.load
        )
        return self.held(name, initializer)

    def changed(
        self,
        value: Value,
        shape: tuple[int, ...],
        change: Callable[[NDArray[Any]], NDArray[Any]],
    ) -> Value:
        """Return a constant: `change` applied to the constant `value` when the model is written."""
        held = value.initializer
        if held is None:
            raise ValueError(f"{value.name} is not a constant.")
        load = held.load
        return self.held(
            self._name("constant"), replace(held, shape=shape, load=lambda: change(load()))
        )

    def output(self, name: str, value: Value) -> None:
        """Make `value` the graph's output `name`."""
        self.nodes.append(Node(type="Identity", inputs=(self._used(value),), outputs=(name,)))
        self.outputs.append(replace(value, name=name, initializer=None))

    def prune(self) -> None:
        """Drop nodes and tensors that no output needs.

        ONNX Runtime 1.20 to 1.32 rejects a model with an unused external tensor of more than a kilobyte.
        """
        needed = {value.name for value in self.outputs}
        kept: list[Node] = []
        for node in reversed(self.nodes):
            if needed.intersection(node.outputs):
                kept.append(node)
                needed.update(node.inputs)
        self.nodes = kept[::-1]
        self.initializers = {k: v for k, v in self.initializers.items() if k in needed}

    def _used(self, value: Value) -> str:
        if value.initializer is not None:
            self.initializers.setdefault(value.name, value.initializer)
        return value.name

    def _name(self, kind: str) -> str:
        # A MIL name cannot contain a slash, so these never collide with the package's own names.
        self._count += 1
        return f"{self.scope}/{kind}_{self._count}"


def sizes(shape: Sequence[int | None]) -> str:
    """Return a shape for messages: ``[2, 4, ?, ?]``."""
    return "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"
