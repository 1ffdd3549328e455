"""Looking up and writing by index: MIL sections iOS15.scatter_gather, iOS16.scatter_gather, iOS17.scatter_gather, and
`non_zero` of iOS15.tensor_operation. ONNX Runtime always does what ``validate_indices`` (iOS 17) requests.
"""

from __future__ import annotations

from collections.abc import Mapping

from worker.runtimes.onnx.call import Call, Translate, UnsupportedError
from worker.runtimes.onnx.graph import INTEGER, Graph, Value


def gather(call: Call, graph: Graph) -> Value:
    """x.take(indices, axis)."""
    if call.const("batch_dims", 0) != 0:
        raise UnsupportedError("batch_dims")
    return graph.add(
        "Gather",
        call.value("x"),
        call.value("indices"),
        shape=call.output.shape,
        axis=call.const("axis", 0),
    )


def gather_along_axis(call: Call, graph: Graph) -> Value:
    """The element of x at each index along one axis; the result has the shape of the indices."""
    return graph.add(
        "GatherElements",
        call.value("x"),
        call.value("indices"),
        shape=call.output.shape,
        axis=call.const("axis", 0),
    )


def gather_nd(call: Call, graph: Graph) -> Value:
    """The slice of x at each index vector, the last dimension of indices."""
    return graph.add(
        "GatherND",
        call.value("x"),
        call.value("indices"),
        shape=call.output.shape,
        batch_dims=call.const("batch_dims", 0),
    )


def scatter_nd(call: Call, graph: Graph) -> Value:
    """A copy of data with updates put, added, multiplied ... at index vectors."""
    data, updates = call.value("data"), call.value("updates")
    mode = call.const("mode", "add")
    if mode == "sub":
        mode, updates = "add", graph.add("Neg", updates)
    reductions = {"update": "none", "add": "add", "mul": "mul", "max": "max", "min": "min"}
    if mode not in reductions:
        raise UnsupportedError(f"mode {mode}")
    return graph.add(
        "ScatterND",
        data,
        call.value("indices"),
        updates,
        shape=call.output.shape,
        reduction=reductions[mode],
    )


def non_zero(call: Call, graph: Graph) -> Value:
    """The index vectors of elements that are not zero: [count, rank]; ONNX gives [rank, count]."""
    indices = graph.add("NonZero", call.value("x"), dtype=INTEGER)
    return graph.add("Transpose", indices, shape=call.output.shape, perm=[1, 0])


OPS: Mapping[str, Translate] = {
    "gather": gather,
    "gather_along_axis": gather_along_axis,
    "gather_nd": gather_nd,
    "non_zero": non_zero,
    "scatter_nd": scatter_nd,
}
