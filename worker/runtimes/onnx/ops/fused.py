"""Operations that packages do not have: `rewrites` combine several into each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from worker.runtimes.onnx.call import Call, Translate, UnsupportedError
from worker.runtimes.onnx.graph import Graph, Value


def attention_by_channel(call: Call, graph: Graph) -> Value:
    """Attention of query [B, C, 1, Q] over key and value [B, C, 1, K], C in equal ``heads``: [B, C, 1, Q].

    ONNX Runtime's own operation processes the keys in blocks that fit the cache, so the product of all queries with all
    keys is never in memory as a whole (FlashAttention, Dao et al., arXiv:2205.14135).
    """
    query, key, value = (_tokens_first(graph, call.value(x)) for x in ("query", "key", "value"))
    joined = graph.add(
        "MultiHeadAttention",
        query,
        key,
        value,
        domain="com.microsoft",
        num_heads=int(call.required("heads")),
        scale=float(call.required("scale")),
    )
    channels_first = graph.add("Transpose", joined, perm=[0, 2, 1])
    shape = call.value("query").static_shape or ()
    return graph.add("Reshape", channels_first, graph.constant(shape), shape=call.output.shape)


def group_normalize(call: Call, graph: Graph) -> Value:
    """Normalise each of ``groups`` of the channels of x [N, C, *D] to mean 0 and variance 1.

    As layer norm over [C / groups * D], in which ONNX Runtime processes groups in parallel, in one pass.
    """
    x = call.value("x")
    shape = x.static_shape
    if shape is None:
        raise UnsupportedError("a shape known only at run time")
    groups = int(call.required("groups"))
    size = int(np.prod(shape[1:])) // groups
    flat = graph.add("Reshape", x, graph.constant([shape[0], groups, size]))
    ones = graph.shared_ones(size)
    normal = graph.add(
        "LayerNormalization", flat, ones, axis=-1, epsilon=float(call.required("epsilon"))
    )
    return graph.add("Reshape", normal, graph.constant(shape), shape=shape)


def _tokens_first(graph: Graph, x: Value) -> Value:
    """Return x [B, C, 1, T] as [B, T, C]."""
    shape = x.static_shape
    if shape is None:
        raise UnsupportedError("a shape known only at run time")
    batch, channels, _, tokens = shape
    flat = graph.add("Reshape", x, graph.constant([batch, channels, tokens]))
    return graph.add("Transpose", flat, perm=[0, 2, 1])


FUSED: Mapping[str, Translate] = {
    "attention_by_channel": attention_by_channel,
    "group_normalize": group_normalize,
}
