"""Operations that no package holds: what `rewrites` put together from many."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from worker.runtimes.onnx.call import Call, Translate, UnsupportedError
from worker.runtimes.onnx.graph import Graph, Value


def attention_by_channel(call: Call, graph: Graph) -> Value:
    """Attention of query [B, C, 1, Q] over key and value [B, C, 1, K], C in equal ``heads``: [B, C, 1, Q].

    Tokens stay the last dimension, as around it. The transpositions are of whole matrices, which ONNX Runtime makes
    part of the products.
    """
    query, key, value = call.value("query"), call.value("key"), call.value("value")
    heads = int(call.required("heads"))
    q, k, v = (_in_heads(graph, x, heads) for x in (query, key, value))
    scaled = graph.add("Mul", q, graph.constant(float(call.required("scale"))))
    scores = graph.add("MatMul", graph.add("Transpose", scaled, perm=[0, 1, 3, 2]), k)
    weights = graph.add("Softmax", scores, axis=-1)
    joined = graph.add("MatMul", v, graph.add("Transpose", weights, perm=[0, 1, 3, 2]))
    shape = call.output.shape
    return graph.add("Reshape", joined, graph.constant(query.static_shape or ()), shape=shape)


def group_normalize(call: Call, graph: Graph) -> Value:
    """Normalise each of ``groups`` of the channels of x [N, C, *D] to mean 0 and variance 1.

    As layer norm over [C / groups * D]: ONNX Runtime does groups in parallel there, in one pass.
    """
    x = call.value("x")
    shape = x.static_shape
    if shape is None:
        raise UnsupportedError("a shape known only while running")
    groups = int(call.required("groups"))
    size = int(np.prod(shape[1:])) // groups
    flat = graph.add("Reshape", x, graph.constant([shape[0], groups, size]))
    ones = graph.shared_ones(size)
    normal = graph.add(
        "LayerNormalization", flat, ones, axis=-1, epsilon=float(call.required("epsilon"))
    )
    return graph.add("Reshape", normal, graph.constant(shape), shape=shape)


def _in_heads(graph: Graph, x: Value, heads: int) -> Value:
    """Return x [B, C, 1, T] as [B, heads, C / heads, T]."""
    shape = x.static_shape
    if shape is None:
        raise UnsupportedError("a shape known only while running")
    batch, channels, _, tokens = shape
    return graph.add("Reshape", x, graph.constant([batch, heads, channels // heads, tokens]))


FUSED: Mapping[str, Translate] = {
    "attention_by_channel": attention_by_channel,
    "group_normalize": group_normalize,
}
