"""Cases for `worker.runtimes.onnx.ops.elementwise`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.translator.building import mb
from tests.translator.ops.case import Case, X, erf, unary


def binary(op: str, reference: Callable[..., Any], *, positive: bool = False) -> Case:
    shapes = (X, (3, 1, 5))
    return Case(op, lambda x, y: getattr(mb, op)(x=x, y=y), reference, shapes, positive)


def compared(op: str, reference: Callable[..., Any]) -> Case:
    def build(x: Any, y: Any) -> Any:
        return mb.cast(x=getattr(mb, op)(x=mb.round(x=x), y=mb.round(x=y)), dtype="fp32")

    return Case(op, build, lambda x, y: reference(np.round(x), np.round(y)), (X, X))


def logical(op: str, reference: Callable[..., Any]) -> Case:
    def build(x: Any, y: Any) -> Any:
        a, b = mb.greater(x=x, y=0.0), mb.greater(x=y, y=0.0)
        return mb.cast(x=getattr(mb, op)(x=a, y=b), dtype="fp32")

    return Case(op, build, lambda x, y: reference(x > 0, y > 0), (X, X))


def integers(op: str, reference: Callable[..., Any]) -> Case:
    def build(x: Any, y: Any) -> Any:
        a = mb.cast(x=mb.mul(x=x, y=10.0), dtype="int32")
        b = mb.cast(x=mb.sign(x=y), dtype="int32")
        b = mb.mul(x=b, y=np.int32(3))
        return mb.cast(x=getattr(mb, op)(x=a, y=b), dtype="fp32")

    def numpy(x: Any, y: Any) -> Any:
        return reference((x * np.float32(10)).astype(np.int32), np.sign(y).astype(np.int32) * 3)

    return Case(op, build, numpy, (X, X), note="integers")


CASES = [
    unary("abs", np.abs),
    unary("ceil", np.ceil),
    unary("clip", lambda x: np.clip(x, -0.3, 0.7), alpha=-0.3, beta=0.7),
    unary("cos", np.cos),
    unary("erf", erf),
    unary("exp", np.exp),
    unary("exp2", np.exp2),
    unary("floor", np.floor),
    unary("identity", lambda x: x),
    unary("inverse", lambda x: 1 / (x + 1e-3), positive=True, epsilon=1e-3),
    unary("log", lambda x: np.log(x + 1e-3), positive=True, epsilon=1e-3),
    unary("round", np.round),
    unary("rsqrt", lambda x: 1 / np.sqrt(x + 1e-3), positive=True, epsilon=1e-3),
    unary("sign", np.sign),
    unary("sin", np.sin),
    unary("sqrt", np.sqrt, positive=True),
    unary("square", np.square),
    unary("threshold", lambda x: np.maximum(x, 0.2), alpha=0.2),
    binary("add", np.add),
    binary("floor_div", np.floor_divide),
    binary("maximum", np.maximum),
    binary("minimum", np.minimum),
    binary("mod", np.mod),
    binary("mul", np.multiply),
    binary("pow", np.power, positive=True),
    binary("real_div", np.divide),
    binary("sub", np.subtract),
    integers("floor_div", np.floor_divide),
    integers("mod", np.mod),
    integers("maximum", np.maximum),
    integers("add", np.add),
    compared("equal", np.equal),
    compared("greater", np.greater),
    compared("greater_equal", np.greater_equal),
    compared("less", np.less),
    compared("less_equal", np.less_equal),
    compared("not_equal", np.not_equal),
    logical("logical_and", np.logical_and),
    logical("logical_or", np.logical_or),
    logical("logical_xor", np.logical_xor),
    Case(
        "logical_not",
        lambda x: mb.cast(x=mb.logical_not(x=mb.greater(x=x, y=0.0)), dtype="fp32"),
        lambda x: ~(x > 0),
    ),
    Case(
        "cast",
        lambda x: mb.cast(x=mb.cast(x=mb.mul(x=x, y=9.0), dtype="int32"), dtype="fp32"),
        lambda x: np.trunc(x * np.float32(9)),
    ),
    Case(
        "cast",
        lambda x: mb.cast(x=mb.cast(x=mb.mul(x=x, y=9.0), dtype="uint16"), dtype="fp32"),
        lambda x: np.trunc(x * np.float32(9)),
        positive=True,
        targets=("macOS15",),
        note="uint16",
    ),
    Case(
        "select",
        lambda x, y: mb.select(cond=mb.greater(x=x, y=y), a=x, b=y),
        np.maximum,
        (X, X),
    ),
]  # fmt: skip
