"""Attention as `original` spells it, over all heads at once -> one operation.

    reshape(matmul(v, softmax(scale * matmul(q^T, k))^T))

with q, k and v reshaped from [B, C, 1, T] to [B, heads, C / heads, T]. Its product of all queries with all keys takes a
gigabyte at 64x64 latents, and the softmax's result another. Attention with a mask is left as it is.
"""

from __future__ import annotations

from worker.mlpackage.program import Operation, Program
from worker.runtimes.onnx.rewrites.pattern import Producers, attention, replaced


def join_products(program: Program) -> Program:
    """Replace each recognised pair of products by `attention_by_channel`."""
    matcher = _Products(Producers(program))
    return replaced(program, matcher.match)


class _Products:
    def __init__(self, producers: Producers) -> None:
        self._producers = producers

    def match(self, operation: Operation) -> Operation | None:
        if operation.type != "reshape":
            return None
        value, weights = self._product(self._producers.name(operation), transposed="y")
        softmax = self._producers.of(weights, "softmax")
        if softmax is None or self._producers.const(softmax, "axis") not in (3, -1):
            return None
        scores, scale = self._producers.name(softmax), 1.0
        scaled = self._producers.of(scores, "mul")
        if scaled is not None:
            scores, scale = self._producers.value_and_scalar(scaled) or (None, 1.0)
        query, key = self._product(scores, transposed="x")
        parts = [self._whole(part) for part in (query, key, value)]
        found = [part for part in parts if part is not None]
        if len(found) < len(parts) or len({heads for _, heads in found}) != 1:
            return None
        (whole_query, heads), (whole_key, _), (whole_value, _) = found
        (output,) = operation.outputs
        if output.shape != self._producers.shape(whole_query):
            return None
        if self._producers.shape(whole_key) != self._producers.shape(whole_value):
            return None
        return attention(operation, whole_query, whole_key, whole_value, heads=heads, scale=scale)

    def _product(self, name: str | None, *, transposed: str) -> tuple[str | None, str | None]:
        """Return the factors of a matrix product of which one, and only that, is transposed."""
        operation = self._producers.of(name, "matmul")
        if operation is None:
            return None, None
        for side in ("x", "y"):
            if self._producers.const(operation, f"transpose_{side}", False) != (side == transposed):
                return None, None
        return self._producers.name(operation, "x"), self._producers.name(operation, "y")

    def _whole(self, name: str | None) -> tuple[str, int] | None:
        """Return what [B, heads, C / heads, T] was reshaped from, a [B, C, 1, T], and the number of heads."""
        operation = self._producers.of(name, "reshape")
        source = self._producers.name(operation) if operation is not None else None
        if name is None or source is None:
            return None
        shape, whole = self._producers.shape(name), self._producers.shape(source)
        if len(shape) != 4 or len(whole) != 4 or None in shape or None in whole:
            return None
        batch, heads, width, tokens = (size or 0 for size in shape)
        return (source, heads) if whole == (batch, heads * width, 1, tokens) else None
