"""Sums, means, extremes over axes: MIL sections iOS15.reduction and iOS17.reduction."""

from __future__ import annotations

from collections.abc import Mapping

from worker.runtimes.onnx.call import Call, Translate
from worker.runtimes.onnx.graph import FLOAT, INTEGER, Graph, Value

_CODE_INT32 = 6


def _over_axes(onnx_type: str) -> Translate:
    """Reduce over ``axes``, all by default, which stay as size 1 with ``keep_dims``."""

    def translate(call: Call, graph: Graph) -> Value:
        x = call.value("x")
        axes = call.const("axes", list(range(x.rank)))
        return graph.add(
            onnx_type,
            x,
            graph.constant(axes, INTEGER),
            shape=call.output.shape,
            keepdims=int(call.const("keep_dims", False)),
        )

    return translate


def _index_of(onnx_type: str) -> Translate:
    """Return the index of the first extreme along ``axis``."""

    def translate(call: Call, graph: Graph) -> Value:
        x = call.value("x")
        if x.dtype != FLOAT:
            # ONNX Runtime's kernels take float32 and int32, not int64 or bool.
            x = graph.add("Cast", x, to=_CODE_INT32)
        return graph.add(
            onnx_type,
            x,
            shape=call.output.shape,
            dtype=INTEGER,
            axis=call.const("axis", -1),
            keepdims=int(call.const("keep_dims", False)),
        )

    return translate


OPS: Mapping[str, Translate] = {
    "reduce_argmax": _index_of("ArgMax"),
    "reduce_argmin": _index_of("ArgMin"),
    "reduce_l1_norm": _over_axes("ReduceL1"),
    "reduce_l2_norm": _over_axes("ReduceL2"),
    "reduce_log_sum_exp": _over_axes("ReduceLogSumExp"),
    "reduce_max": _over_axes("ReduceMax"),
    "reduce_mean": _over_axes("ReduceMean"),
    "reduce_min": _over_axes("ReduceMin"),
    "reduce_prod": _over_axes("ReduceProd"),
    "reduce_sum": _over_axes("ReduceSum"),
    "reduce_sum_square": _over_axes("ReduceSumSquare"),
}
