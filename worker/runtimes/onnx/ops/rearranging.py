"""Shapes and orders: MIL sections tensor_transformation and tensor_operation, iOS15 to iOS18."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from worker.runtimes.onnx.call import Call, Translate, UnsupportedError
from worker.runtimes.onnx.graph import INTEGER, Graph, Value


def concat(call: Call, graph: Graph) -> Value:
    """Join values along an axis; scalars count as vectors of one."""
    if call.const("interleave", False):
        raise UnsupportedError("interleave")
    values = [_at_least_vector(graph, value) for value in call.values("values")]
    return graph.add("Concat", *values, shape=call.output.shape, axis=int(call.required("axis")))


def expand_dims(call: Call, graph: Graph) -> Value:
    """Insert dimensions of size 1 at ``axes`` of the result."""
    axes = graph.constant(call.required("axes"), INTEGER)
    return graph.add("Unsqueeze", call.value("x"), axes, shape=call.output.shape)


def fill(call: Call, graph: Graph) -> Value:
    """A tensor of one value; ``shape`` may be computed."""
    value = call.value("value") if call.has("value") else graph.constant(0.0)
    return graph.add("Expand", value, call.value("shape"), shape=call.output.shape)


def fill_like(call: Call, graph: Graph) -> Value:
    """A tensor of one value, of the shape of another."""
    shape = graph.add("Shape", call.value("ref_tensor"), dtype=INTEGER)
    value = call.value("value") if call.has("value") else graph.constant(0.0)
    return graph.add("Expand", value, shape, shape=call.output.shape)


def range_1d(call: Call, graph: Graph) -> Value:
    """start, start + step, ... below end."""
    bounds = (call.value(name) for name in ("start", "end", "step"))
    return graph.add("Range", *bounds, shape=call.output.shape)


def reshape(call: Call, graph: Graph) -> Value:
    """The same elements in another shape; -1 stands for the remaining size."""
    x = call.value("x")
    known = [size for size in call.output.shape if size is not None]
    if len(known) == len(call.output.shape):
        return graph.add("Reshape", x, graph.constant(known, INTEGER), shape=call.output.shape)
    return graph.add("Reshape", x, call.value("shape"), shape=call.output.shape)


def shape(call: Call, graph: Graph) -> Value:
    """The sizes of x; a constant unless they are known only at run time."""
    x = call.value("x")
    if x.static_shape is not None:
        return graph.constant(x.static_shape, INTEGER)
    return graph.add("Shape", x, shape=call.output.shape, dtype=INTEGER)


def squeeze(call: Call, graph: Graph) -> Value:
    """Remove dimensions of size 1: ``axes``, or all of them."""
    x = call.value("x")
    axes = call.const("axes")
    inputs = (x,) if axes is None else (x, graph.constant(axes, INTEGER))
    return graph.add("Squeeze", *inputs, shape=call.output.shape)


def stack(call: Call, graph: Graph) -> Value:
    """Join values of one shape along a new axis."""
    axis = int(call.required("axis"))
    new_axis = graph.constant([axis])
    values = [graph.add("Unsqueeze", value, new_axis) for value in call.values("values")]
    return graph.add("Concat", *values, shape=call.output.shape, axis=axis)


def tile(call: Call, graph: Graph) -> Value:
    """Repeat x along each dimension; ``reps`` may be computed."""
    return graph.add("Tile", call.value("x"), call.value("reps"), shape=call.output.shape)


def transpose(call: Call, graph: Graph) -> Value:
    """Reorder dimensions; ``perm`` may count from the end."""
    x = call.value("x")
    perm = [int(axis) % x.rank for axis in call.required("perm")]
    if x.initializer is not None:
        new = tuple(x.initializer.shape[axis] for axis in perm)
        return graph.changed(x, new, lambda array: np.transpose(array, perm))
    return graph.add("Transpose", x, shape=call.output.shape, perm=perm)


def _at_least_vector(graph: Graph, value: Value) -> Value:
    if value.rank > 0:
        return value
    return graph.add("Reshape", value, graph.constant([1]), shape=(1,))


OPS: Mapping[str, Translate] = {
    "concat": concat,
    "expand_dims": expand_dims,
    "fill": fill,
    "fill_like": fill_like,
    "range_1d": range_1d,
    "reshape": reshape,
    "shape": shape,
    "squeeze": squeeze,
    "stack": stack,
    "tile": tile,
    "transpose": transpose,
}
