"""Attention as one operation: MIL section iOS18.transformers."""

from __future__ import annotations

import math
from collections.abc import Mapping

from worker.runtimes.onnx.call import Call, Translate, UnsupportedError
from worker.runtimes.onnx.graph import BOOLEAN, FLOAT, Graph, Value


def scaled_dot_product_attention(call: Call, graph: Graph) -> Value:
    """softmax(query @ key^T / sqrt(E) + mask) @ value.

    query: [B, *, L, E]; key: [B, *, S, E]; value: [B, *, S, EV]; attn_mask: broadcastable to [B, *, L, S], bool (True
    attends) or float (added). Result: [B, *, L, EV].
    """
    query, key, value = call.value("query"), call.value("key"), call.value("value")
    width = query.shape[-1] if query.shape else None
    if width is None:
        raise UnsupportedError("a query of unknown width")
    swap_last = [*range(key.rank - 2), key.rank - 1, key.rank - 2]
    scaled = graph.add("Mul", query, graph.constant(1 / math.sqrt(width)))
    scores = graph.add("MatMul", scaled, graph.add("Transpose", key, perm=swap_last))
    mask = call.optional("attn_mask")
    if mask is not None and mask.dtype == BOOLEAN:
        mask = graph.add("Where", mask, graph.constant(0.0), graph.constant(-math.inf), dtype=FLOAT)
    if mask is not None:
        scores = graph.add("Add", scores, mask)
    weights = graph.add("Softmax", scores, axis=-1)
    return graph.add("MatMul", weights, value, shape=call.output.shape)


OPS: Mapping[str, Translate] = {"scaled_dot_product_attention": scaled_dot_product_attention}
