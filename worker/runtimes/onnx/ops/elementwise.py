"""Arithmetic, comparison and logic, element by element: MIL sections iOS15.elementwise_binary, iOS15.elementwise_unary,
iOS17.elementwise_unary, and `select` of iOS15.control_flow. Shapes broadcast as NumPy's do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from worker.runtimes.onnx.call import Call, Translate, UnsupportedError
from worker.runtimes.onnx.graph import BOOLEAN, FLOAT, INTEGER, Graph, Value

_COMPUTED = {
    "fp16": FLOAT,
    "fp32": FLOAT,
    "bool": BOOLEAN,
    **{f"{sign}int{bits}": INTEGER for sign in ("", "u") for bits in (8, 16, 32)},
}


def _binary(onnx_type: str, dtype: np.dtype[Any] | None = None) -> Translate:
    def translate(call: Call, graph: Graph) -> Value:
        return graph.add(
            onnx_type, call.value("x"), call.value("y"), shape=call.output.shape, dtype=dtype
        )

    return translate


def _unary(onnx_type: str) -> Translate:
    def translate(call: Call, graph: Graph) -> Value:
        x = call.value("x")
        return graph.add(onnx_type, x, shape=x.shape)

    return translate


def _of_sum(epsilon: float, function: Callable[[Graph, Value], Value]) -> Translate:
    """Translate a function of x + ``epsilon``, which keeps MIL's logarithm and inverses away from zero."""

    def translate(call: Call, graph: Graph) -> Value:
        shift = graph.constant(call.const("epsilon", epsilon), FLOAT)
        return function(graph, graph.add("Add", call.value("x"), shift, shape=call.output.shape))

    return translate


def cast(call: Call, graph: Graph) -> Value:
    """Change the type; nothing to do between widths of one kind, see `graph`."""
    x = call.value("x")
    name = call.required("dtype")
    if name not in _COMPUTED:
        raise UnsupportedError(f"dtype {name}")
    return as_dtype(graph, x, _COMPUTED[name])


def as_dtype(graph: Graph, x: Value, dtype: np.dtype[Any]) -> Value:
    """Return `x` in one of the types in which graphs compute."""
    if x.dtype == dtype:
        return x
    codes = {FLOAT: 1, INTEGER: 7, BOOLEAN: 9}
    return graph.add("Cast", x, shape=x.shape, dtype=dtype, to=codes[dtype])


def clip(call: Call, graph: Graph) -> Value:
    """Limit x to [alpha, beta]."""
    x = call.value("x")
    low, high = (graph.constant(call.required(name), x.dtype) for name in ("alpha", "beta"))
    return graph.add("Clip", x, low, high, shape=x.shape)


def exp2(call: Call, graph: Graph) -> Value:
    """2 to the power of x."""
    return graph.add("Pow", graph.constant(2.0), call.value("x"), shape=call.output.shape)


def floor_div(call: Call, graph: Graph) -> Value:
    """The greatest integer not above x / y; ONNX's integer division rounds towards zero instead."""
    x, y = call.value("x"), call.value("y")
    if x.dtype == FLOAT:
        return graph.add("Floor", graph.add("Div", x, y), shape=call.output.shape)
    whole = graph.add("Sub", x, graph.add("Mod", x, y))
    return graph.add("Div", whole, y, shape=call.output.shape)


def mod(call: Call, graph: Graph) -> Value:
    """x - y * floor(x / y): the result has the sign of y."""
    x, y = call.value("x"), call.value("y")
    if x.dtype == INTEGER:
        return graph.add("Mod", x, y, shape=call.output.shape)
    floor = graph.add("Floor", graph.add("Div", x, y))
    return graph.add("Sub", x, graph.add("Mul", floor, y), shape=call.output.shape)


def not_equal(call: Call, graph: Graph) -> Value:
    """True where x and y differ."""
    same = graph.add("Equal", call.value("x"), call.value("y"), dtype=BOOLEAN)
    return graph.add("Not", same, shape=call.output.shape)


def select(call: Call, graph: Graph) -> Value:
    """a where cond is true, else b."""
    if not (call.has("a") and call.has("b")):
        raise UnsupportedError("without a and b")
    a, b = call.value("a"), call.value("b")
    condition = as_dtype(graph, call.value("cond"), BOOLEAN)
    return graph.add("Where", condition, a, b, shape=call.output.shape, dtype=a.dtype)


def square(call: Call, graph: Graph) -> Value:
    """x * x."""
    x = call.value("x")
    return graph.add("Mul", x, x, shape=x.shape)


def threshold(call: Call, graph: Graph) -> Value:
    """The greater of x and alpha."""
    x = call.value("x")
    return graph.add("Max", x, graph.constant(call.required("alpha"), x.dtype), shape=x.shape)


OPS: Mapping[str, Translate] = {
    "abs": _unary("Abs"),
    "add": _binary("Add"),
    "cast": cast,
    "ceil": _unary("Ceil"),
    "clip": clip,
    "cos": _unary("Cos"),
    "equal": _binary("Equal", BOOLEAN),
    "erf": _unary("Erf"),
    "exp": _unary("Exp"),
    "exp2": exp2,
    "floor": _unary("Floor"),
    "floor_div": floor_div,
    "greater": _binary("Greater", BOOLEAN),
    "greater_equal": _binary("GreaterOrEqual", BOOLEAN),
    "identity": lambda call, _: call.value("x"),
    "inverse": _of_sum(1e-4, lambda g, x: g.add("Reciprocal", x, shape=x.shape)),
    "less": _binary("Less", BOOLEAN),
    "less_equal": _binary("LessOrEqual", BOOLEAN),
    "log": _of_sum(1e-45, lambda g, x: g.add("Log", x, shape=x.shape)),
    "logical_and": _binary("And"),
    "logical_not": _unary("Not"),
    "logical_or": _binary("Or"),
    "logical_xor": _binary("Xor"),
    "maximum": _binary("Max"),
    "minimum": _binary("Min"),
    "mod": mod,
    "mul": _binary("Mul"),
    "not_equal": not_equal,
    "pow": _binary("Pow"),
    "real_div": _binary("Div"),
    "round": _unary("Round"),
    "rsqrt": _of_sum(1e-12, lambda g, x: g.add("Reciprocal", g.add("Sqrt", x), shape=x.shape)),
    "select": select,
    "sign": _unary("Sign"),
    "sin": _unary("Sin"),
    "sqrt": _unary("Sqrt"),
    "square": square,
    "sub": _binary("Sub"),
    "threshold": threshold,
}
