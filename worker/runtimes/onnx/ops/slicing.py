"""Parts of tensors: `slice_by_index` and `slice_by_size` of MIL section iOS15.tensor_transformation, `split` of
iOS15.tensor_operation.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from worker.runtimes.onnx.call import Call, Translate, UnsupportedError
from worker.runtimes.onnx.graph import INTEGER, Graph, Value

_END = np.iinfo(np.int64).max
_BEFORE_START = np.iinfo(np.int64).min


def slice_by_index(call: Call, graph: Graph) -> Value:
    """x[begin:end:stride] in every dimension; masks replace an index by the whole side, or take a single index."""
    x = call.value("x")
    rank = x.rank
    begin, end = call.required("begin"), call.required("end")
    stride = call.const("stride", [1] * rank)
    begin_mask = call.const("begin_mask", [False] * rank)
    end_mask = call.const("end_mask", [False] * rank)
    squeeze_mask = call.const("squeeze_mask", [False] * rank)
    axes, starts, ends, steps = [], [], [], []
    for axis in range(rank):
        step = stride[axis]
        start = begin[axis] if not begin_mask[axis] else (0 if step > 0 else _END)
        stop = end[axis] if not end_mask[axis] else (_END if step > 0 else _BEFORE_START)
        if squeeze_mask[axis]:
            # A single index. After -1, Slice's end cannot be 0, only the end of the axis.
            start, step = begin[axis], 1
            stop = start + 1 if start != -1 else _END
        if (start, stop, step) != (0, _END, 1):
            axes.append(axis)
            starts.append(start)
            ends.append(stop)
            steps.append(step)
    result = x
    if axes:
        bounds = (graph.constant(part, INTEGER) for part in (starts, ends, axes, steps))
        result = graph.add("Slice", x, *bounds, shape=call.output.shape)
    squeezed = [axis for axis in range(rank) if squeeze_mask[axis]]
    if squeezed:
        result = graph.add("Squeeze", result, graph.constant(squeezed), shape=call.output.shape)
    return result


def slice_by_size(call: Call, graph: Graph) -> Value:
    """``size`` elements from ``begin`` on, in every dimension; size -1 means all that follow."""
    x = call.value("x")
    size = call.required("size")
    begin = call.value("begin")
    if begin.initializer is None:
        ends = graph.add("Add", begin, graph.constant(size, INTEGER))
        if -1 in size:
            raise UnsupportedError("size -1 with a computed begin")
    else:
        pairs = zip(call.required("begin"), size, strict=True)
        ends = graph.constant([_END if n == -1 else start + n for start, n in pairs], INTEGER)
    return graph.add("Slice", x, begin, ends, shape=call.output.shape)


def split(call: Call, graph: Graph) -> tuple[Value, ...]:
    """Cut x along an axis into ``num_splits`` equal parts or parts of ``split_sizes``."""
    x = call.value("x")
    count = len(call.outputs)
    axis = int(call.required("axis"))
    sizes = call.const("split_sizes")
    if sizes is not None:
        parts = graph.constant(sizes, INTEGER)
        results = graph.add_many("Split", x, parts, outputs=count, axis=axis)
    else:
        results = graph.add_many("Split", x, outputs=count, axis=axis, num_outputs=count)
    return results


OPS: Mapping[str, Translate] = {
    "slice_by_index": slice_by_index,
    "slice_by_size": slice_by_size,
    "split": split,
}
