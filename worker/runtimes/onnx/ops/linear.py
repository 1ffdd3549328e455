"""Matrix products: MIL section iOS15.linear.

Constant matrices that MIL transposes are transposed when the translation is written, not at run time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from worker.mlpackage.program import Shape
from worker.runtimes.onnx.call import Call, Translate, UnsupportedError
from worker.runtimes.onnx.graph import Graph, Value


def linear(call: Call, graph: Graph) -> Value:
    """x [*D, in] @ weight [out, in]^T + bias [out]."""
    weight, bias = call.value("weight"), call.optional("bias")
    product = graph.add(
        "MatMul", call.value("x"), _transposed(graph, weight), shape=call.output.shape
    )
    return product if bias is None else graph.add("Add", product, bias, shape=call.output.shape)


def matmul(call: Call, graph: Graph) -> Value:
    """x @ y, optionally with the last two dimensions of either exchanged first."""
    x, y = call.value("x"), call.value("y")
    if call.const("transpose_x", False):
        x = _transposed(graph, x)
    if call.const("transpose_y", False):
        y = _transposed(graph, y)
    return graph.add("MatMul", x, y, shape=call.output.shape)


def einsum(call: Call, graph: Graph) -> Value:
    """Sum of products by an equation of two operands, as one matrix product where possible.

    ONNX's own Einsum takes any equation but moves far more memory. Apple's attention uses ``bchq,bkhc->bkhq`` and
    ``bkhq,bchk->bchq``, in which h is 1.
    """
    values = call.values("values")
    equation = str(call.required("equation")).replace(" ", "")
    terms, arrow, result = equation.partition("->")
    labels = terms.split(",")
    shape = call.output.shape
    if not arrow or "." in equation or len(labels) != len(values):
        raise UnsupportedError(f"equation {equation}")
    if len(values) == 2:
        product = _as_matmul(graph, (labels[0], labels[1]), result, (values[0], values[1]), shape)
        if product is not None:
            return product
    return graph.add("Einsum", *values, shape=shape, equation=equation)


def _as_matmul(
    graph: Graph,
    labels: tuple[str, str],
    result: str,
    operands: tuple[Value, Value],
    shape: Shape,
) -> Value | None:
    """Write the einsum as transpose, reshape, MatMul; None if a label repeats or a size is unknown or broadcast."""
    sizes: dict[str, int] = {}
    for term, operand in zip(labels, operands, strict=True):
        known = operand.static_shape
        if known is None or len(known) != len(term) or len(set(term)) != len(term):
            return None
        for label, size in zip(term, known, strict=True):
            if sizes.setdefault(label, size) != size:
                return None
    left, right = labels
    # Labels of size 1 do not change the result; without them fewer axes move.
    real = [label for label in dict.fromkeys(left + right) if sizes[label] > 1]
    batch = [label for label in real if label in left and label in right and label in result]
    summed = [label for label in real if label in left and label in right and label not in result]
    rows = [label for label in real if label in left and label not in right]
    columns = [label for label in real if label in right and label not in left]
    if any(label not in result for label in rows + columns):
        return None

    order = [label for label in result if sizes[label] > 1]
    swapped = order == batch + columns + rows
    if swapped:  # swapping the operands gives the product in the wanted order
        left, right, rows, columns = right, left, columns, rows
        operands = operands[1], operands[0]
    x = _arranged(graph, operands[0], left, sizes, (batch, rows, summed))
    y = _arranged(graph, operands[1], right, sizes, (batch, summed, columns))
    product = graph.add("MatMul", x, y)
    have = batch + rows + columns
    if order != have:
        product = graph.add("Reshape", product, graph.constant([sizes[label] for label in have]))
        product = graph.add("Transpose", product, perm=[have.index(label) for label in order])
    return graph.add(
        "Reshape", product, graph.constant([sizes[label] for label in result]), shape=shape
    )


def _arranged(
    graph: Graph,
    operand: Value,
    term: str,
    sizes: Mapping[str, int],
    groups: tuple[list[str], list[str], list[str]],
) -> Value:
    """Return `operand` as [batch, a, b], each the product of the sizes of one group of labels."""
    have = [label for label in term if sizes[label] > 1]
    flat = [math.prod(sizes[label] for label in group) for group in groups]
    wanted = [*groups[0], *groups[1], *groups[2]]
    if have == wanted:
        return graph.add("Reshape", operand, graph.constant(flat))
    if have == [*groups[0], *groups[2], *groups[1]]:
        # A transposition of whole matrices, which ONNX Runtime fuses into the product.
        matrix = graph.add("Reshape", operand, graph.constant([flat[0], flat[2], flat[1]]))
        return graph.add("Transpose", matrix, perm=[0, 2, 1])
    real = graph.add("Reshape", operand, graph.constant([sizes[label] for label in have]))
    moved = graph.add("Transpose", real, perm=[have.index(label) for label in wanted])
    return graph.add("Reshape", moved, graph.constant(flat))


def _transposed(graph: Graph, value: Value) -> Value:
    """Exchange the last two dimensions."""
    if value.rank < 2:
        return value
    if value.initializer is not None:
        *batch, rows, columns = value.initializer.shape
        return graph.changed(value, (*batch, columns, rows), lambda a: np.swapaxes(a, -1, -2))
    last = value.rank - 1
    return graph.add("Transpose", value, perm=[*range(last - 1), last, last - 1])


OPS: Mapping[str, Translate] = {"einsum": einsum, "linear": linear, "matmul": matmul}
