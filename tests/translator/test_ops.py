"""Every operation of the translator against NumPy, one small network each, for both package formats.

Last of all a test that no operation has been forgotten here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from worker.runtimes.onnx.ops import OPS

from .building import TARGETS, mb

BOTH = tuple(TARGETS)
X = (2, 3, 4, 5)


@dataclass(frozen=True)
class Case:
    """One operation used one way: MIL on the left, NumPy on the right."""

    op: str
    build: Callable[..., Any]
    reference: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...] = (X,)
    positive: bool = False
    targets: tuple[str, ...] = BOTH
    note: str = ""

    def __str__(self) -> str:
        return f"{self.op}-{self.note}" if self.note else self.op


def unary(op: str, reference: Callable[..., Any], *, positive: bool = False, **extra: Any) -> Case:
    return Case(op, lambda x: getattr(mb, op)(x=x, **extra), reference, positive=positive)


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


def reduced(op: str, reference: Callable[..., Any], *, positive: bool = False) -> list[Case]:
    return [
        Case(
            op,
            lambda x: getattr(mb, op)(x=x, axes=[1, -1], keep_dims=True),
            lambda x: reference(x, (1, 3), True),
            positive=positive,
            note="kept",
        ),
        Case(
            op,
            lambda x: getattr(mb, op)(x=x, axes=[2], keep_dims=False),
            lambda x: reference(x, (2,), False),
            positive=positive,
        ),
    ]


def erf(x: Any) -> Any:
    return np.vectorize(math.erf)(x)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def softmax(x: Any, axis: int = -1) -> Any:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def convolved(x: Any, w: Any, b: Any, *, stride: int, pads: Any, dilation: int, groups: int) -> Any:
    """conv by its definition; pads: ((top, bottom), (left, right))."""
    x = np.pad(x, ((0, 0), (0, 0), *pads)).astype(np.float64)
    out_channels, in_group, kh, kw = w.shape
    h = (x.shape[2] - dilation * (kh - 1) - 1) // stride + 1
    v = (x.shape[3] - dilation * (kw - 1) - 1) // stride + 1
    y = np.zeros((x.shape[0], out_channels, h, v))
    for o in range(out_channels):
        first = o // (out_channels // groups) * in_group
        for c in range(in_group):
            for i in range(kh):
                for j in range(kw):
                    rows = slice(i * dilation, i * dilation + stride * (h - 1) + 1, stride)
                    columns = slice(j * dilation, j * dilation + stride * (v - 1) + 1, stride)
                    y[:, o] += w[o, c, i, j] * x[:, first + c, rows, columns]
    return y + b[:, None, None]


_random = np.random.RandomState(7)
W3 = _random.randn(6, 3, 3, 3).astype(np.float32)
W3_GROUPED = _random.randn(6, 1, 3, 3).astype(np.float32)
B6 = _random.randn(6).astype(np.float32)
W_LINEAR = _random.randn(7, 5).astype(np.float32)
B7 = _random.randn(7).astype(np.float32)
TABLE = _random.randn(11, 4).astype(np.float32)
GAMMA3, BETA3, MEAN3 = (_random.randn(3).astype(np.float32) for _ in range(3))
VARIANCE3 = _random.rand(3).astype(np.float32) + 0.5
GAMMA5, BETA5 = (_random.randn(5).astype(np.float32) for _ in range(2))


def normalized(x: Any, axes: tuple[int, ...], epsilon: float = 1e-5) -> Any:
    mean = x.mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=axes, keepdims=True) + epsilon)


def conv_case(note: str, numpy: tuple[Any, ...], weight: Any = W3, **options: Any) -> Case:
    return Case(
        "conv",
        lambda x: mb.conv(x=x, weight=weight, bias=B6, **options),
        lambda x: convolved(
            x, weight, B6, **dict(zip(("stride", "pads", "dilation", "groups"), numpy, strict=True))
        ),
        ((2, 3, 8, 8),),
        note=note,
    )


def einsum_case(equation: str, *shapes: tuple[int, ...]) -> Case:
    return Case(
        "einsum",
        lambda x, y: mb.einsum(values=(x, y), equation=equation),
        lambda x, y: np.einsum(equation, x, y),
        shapes,
        note=f"{equation}{shapes[0]}",
    )


def attention(q: Any, k: Any, v: Any, mask: Any = 0.0) -> Any:
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    return softmax(scores + mask) @ v


def scattered(mode: str) -> Case:
    def numpy(x: Any, y: Any) -> Any:
        x = x.copy()
        for i, row in zip([3, 1], y, strict=True):
            x[i] = {"add": x[i] + row, "update": row, "sub": x[i] - row, "mul": x[i] * row,
                    "max": np.maximum(x[i], row), "min": np.minimum(x[i], row)}[mode]  # fmt: skip
        return x

    indices = np.array([[3], [1]], np.int32)
    return Case(
        "scatter_nd",
        lambda x, y: mb.scatter_nd(data=x, indices=indices, updates=y, mode=mode),
        numpy,
        ((5, 4), (2, 4)),
        note=mode,
    )


def selected_rows(x: Any) -> Any:
    """non_zero, with a shape known only while running, as the safety checker uses it."""
    return mb.cast(x=mb.non_zero(x=mb.cast(x=mb.greater(x=x, y=0.0), dtype="int32")), dtype="fp32")


MASK = _random.rand(6, 9) > 0.3
MASK[:, 0] = True
CASES = [
    # elementwise
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
    unary("tanh", np.tanh),
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
    # activation
    unary("elu", lambda x: np.where(x > 0, x, 0.5 * (np.exp(x) - 1)), alpha=0.5),
    unary("gelu", lambda x: x * (1 + erf(x / math.sqrt(2))) / 2, mode="EXACT"),
    Case(
        "gelu",
        lambda x: mb.gelu(x=x, mode="TANH_APPROXIMATION"),
        lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        note="tanh",
    ),
    Case(
        "gelu",
        lambda x: mb.gelu(x=x, mode="SIGMOID_APPROXIMATION"),
        lambda x: x * sigmoid(1.702 * x),
        note="sigmoid",
    ),
    unary("leaky_relu", lambda x: np.where(x > 0, x, 0.1 * x), alpha=0.1),
    unary("relu", lambda x: np.maximum(x, 0)),
    unary("sigmoid", sigmoid),
    unary("silu", lambda x: x * sigmoid(x)),
    unary("softmax", softmax),
    Case("softmax", lambda x: mb.softmax(x=x, axis=1), lambda x: softmax(x, 1), note="axis"),
    unary("softplus", lambda x: np.log1p(np.exp(x))),
    # attention
    Case(
        "scaled_dot_product_attention",
        lambda q, k, v: mb.scaled_dot_product_attention(query=q, key=k, value=v),
        attention,
        ((1, 2, 6, 8), (1, 2, 9, 8), (1, 2, 9, 4)),
        targets=("macOS15",),
    ),
    Case(
        "scaled_dot_product_attention",
        lambda q, k, v: mb.scaled_dot_product_attention(query=q, key=k, value=v, attn_mask=MASK),
        lambda q, k, v: attention(q, k, v, np.where(MASK, 0, -np.inf)),
        ((1, 2, 6, 8), (1, 2, 9, 8), (1, 2, 9, 4)),
        targets=("macOS15",),
        note="bool mask",
    ),
    Case(
        "scaled_dot_product_attention",
        lambda q, k, v, m: mb.scaled_dot_product_attention(query=q, key=k, value=v, attn_mask=m),
        attention,
        ((1, 2, 6, 8), (1, 2, 9, 8), (1, 2, 9, 4), (1, 1, 6, 9)),
        targets=("macOS15",),
        note="float mask",
    ),
    # convolution, padding, resizing
    conv_case("valid", (1, ((0, 0), (0, 0)), 1, 1), pad_type="valid"),
    conv_case(
        "custom", (1, ((1, 2), (3, 0)), 1, 1), pad_type="custom", pad=[1, 2, 3, 0]
    ),
    conv_case("same", (1, ((1, 1), (1, 1)), 1, 1), pad_type="same"),
    conv_case("same_lower", (2, ((1, 0), (1, 0)), 1, 1), pad_type="same_lower", strides=[2, 2]),
    conv_case(
        "strided", (2, ((0, 1), (0, 1)), 1, 1), pad_type="custom", pad=[0, 1, 0, 1], strides=[2, 2]
    ),
    conv_case("dilated", (1, ((0, 0), (0, 0)), 2, 1), pad_type="valid", dilations=[2, 2]),
    conv_case("grouped", (1, ((0, 0), (0, 0)), 1, 3), W3_GROUPED, pad_type="valid", groups=3),
    Case(
        "pad",
        lambda x: mb.pad(x=x, pad=[1, 2, 0, 3], mode="constant", constant_val=0.5),
        lambda x: np.pad(x, ((0, 0), (0, 0), (1, 2), (0, 3)), constant_values=0.5),
    ),
    Case(
        "pad",
        lambda x: mb.pad(x=x, pad=[1, 2, 0, 3], mode="reflect"),
        lambda x: np.pad(x, ((0, 0), (0, 0), (1, 2), (0, 3)), mode="reflect"),
        note="reflect",
    ),
    Case(
        "pad",
        lambda x: mb.pad(x=x, pad=[1, 2, 0, 3], mode="replicate"),
        lambda x: np.pad(x, ((0, 0), (0, 0), (1, 2), (0, 3)), mode="edge"),
        note="replicate",
    ),
    Case(
        "upsample_nearest_neighbor",
        lambda x: mb.upsample_nearest_neighbor(x=x, scale_factor_height=2, scale_factor_width=3),
        lambda x: x.repeat(2, 2).repeat(3, 3),
    ),
    Case(
        "upsample_nearest_neighbor",
        lambda x: mb.upsample_nearest_neighbor(
            x=x, scale_factor_height=2.0, scale_factor_width=2.0
        ),
        lambda x: x.repeat(2, 2).repeat(2, 3),
        note="float factors",
    ),
    # matrix products
    Case(
        "linear",
        lambda x: mb.linear(x=x, weight=W_LINEAR, bias=B7),
        lambda x: x @ W_LINEAR.T + B7,
    ),
    Case("linear", lambda x: mb.linear(x=x, weight=W_LINEAR), lambda x: x @ W_LINEAR.T, note="no bias"),
    Case("matmul", lambda x, y: mb.matmul(x=x, y=y), np.matmul, ((2, 3, 4), (2, 4, 5))),
    Case(
        "matmul",
        lambda x, y: mb.matmul(x=x, y=y, transpose_x=True, transpose_y=True),
        lambda x, y: np.swapaxes(x, -1, -2) @ np.swapaxes(y, -1, -2),
        ((2, 4, 3), (2, 5, 4)),
        note="transposed",
    ),
    Case(
        "matmul",
        lambda x: mb.matmul(x=x, y=W_LINEAR, transpose_y=True),
        lambda x: x @ W_LINEAR.T,
        note="transposed constant",
    ),
    # Apple's "bchq,bkhc->bkhq" and "bkhq,bchk->bchq" as the converter writes them: operands in MIL's own order.
    einsum_case("bkhc,bchq->bkhq", (2, 7, 1, 8), (2, 8, 1, 6)),
    einsum_case("bchk,bkhq->bchq", (2, 8, 1, 7), (2, 7, 1, 6)),
    einsum_case("bkhc,bchq->bkhq", (2, 7, 3, 8), (2, 8, 3, 6)),
    einsum_case("nchw,nwhu->nchu", (2, 4, 3, 5), (2, 5, 3, 6)),
    einsum_case("nchw,nwhu->nchu", (2, 4, 1, 5), (2, 5, 3, 6)),
    einsum_case("chw,whr->chr", (4, 3, 5), (5, 3, 6)),
    # normalisation
    Case(
        "batch_norm",
        lambda x: mb.batch_norm(
            x=x, mean=MEAN3, variance=VARIANCE3, gamma=GAMMA3, beta=BETA3, epsilon=1e-3
        ),
        lambda x: (x - MEAN3[:, None, None])
        / np.sqrt(VARIANCE3 + 1e-3)[:, None, None]
        * GAMMA3[:, None, None]
        + BETA3[:, None, None],
    ),
    Case(
        "instance_norm",
        lambda x: mb.instance_norm(x=x, gamma=GAMMA3, beta=BETA3, epsilon=1e-5),
        lambda x: normalized(x, (2, 3)) * GAMMA3[:, None, None] + BETA3[:, None, None],
    ),
    Case(
        "layer_norm",
        lambda x: mb.layer_norm(x=x, axes=[-1], gamma=GAMMA5, beta=BETA5, epsilon=1e-5),
        lambda x: normalized(x, (3,)) * GAMMA5 + BETA5,
    ),
    Case(
        "layer_norm",
        lambda x: mb.layer_norm(x=x, axes=[1], gamma=GAMMA3, beta=BETA3, epsilon=1e-5),
        lambda x: normalized(x, (1,)) * GAMMA3[:, None, None] + BETA3[:, None, None],
        note="channels",
    ),
    Case(
        "layer_norm",
        lambda x: mb.layer_norm(x=x, axes=[2, 3], epsilon=1e-5),
        lambda x: normalized(x, (2, 3)),
        note="no gamma",
    ),
    # reductions
    *reduced("reduce_l1_norm", lambda x, a, k: np.abs(x).sum(axis=a, keepdims=k)),
    *reduced("reduce_l2_norm", lambda x, a, k: np.sqrt((x**2).sum(axis=a, keepdims=k))),
    *reduced("reduce_log_sum_exp", lambda x, a, k: np.log(np.exp(x).sum(axis=a, keepdims=k))),
    *reduced("reduce_max", lambda x, a, k: x.max(axis=a, keepdims=k)),
    *reduced("reduce_mean", lambda x, a, k: x.mean(axis=a, keepdims=k)),
    *reduced("reduce_min", lambda x, a, k: x.min(axis=a, keepdims=k)),
    *reduced("reduce_prod", lambda x, a, k: x.prod(axis=a, keepdims=k)),
    *reduced("reduce_sum", lambda x, a, k: x.sum(axis=a, keepdims=k)),
    *reduced("reduce_sum_square", lambda x, a, k: (x**2).sum(axis=a, keepdims=k)),
    Case(
        "reduce_argmax",
        lambda x: mb.cast(x=mb.reduce_argmax(x=x, axis=2, keep_dims=False), dtype="fp32"),
        lambda x: x.argmax(axis=2),
    ),
    Case(
        "reduce_argmax",
        lambda x: mb.cast(
            x=mb.reduce_argmax(
                x=mb.cast(x=mb.equal(x=mb.round(x=x), y=1.0), dtype="int32"), axis=-1
            ),
            dtype="fp32",
        ),
        lambda x: (np.round(x) == 1).argmax(axis=-1),
        note="first of equals",
    ),
    Case(
        "reduce_argmin",
        lambda x: mb.cast(x=mb.reduce_argmin(x=x, axis=1, keep_dims=True), dtype="fp32"),
        lambda x: x.argmin(axis=1)[:, None],
    ),
    # gathering
    Case(
        "gather",
        lambda x: mb.gather(
            x=TABLE, indices=mb.cast(x=mb.mul(x=x, y=3.0), dtype="int32"), axis=0
        ),
        lambda x: TABLE[(x * np.float32(3)).astype(int)],
        ((1, 7),),
        positive=True,
    ),
    Case(
        "gather",
        lambda x: mb.gather(x=x, indices=np.array([2, 0], np.int32), axis=1),
        lambda x: x[:, [2, 0]],
        note="axis",
    ),
    Case(
        "gather_along_axis",
        lambda x: mb.gather_along_axis(x=x, indices=np.array([[1, 0], [2, 2]], np.int32), axis=0),
        lambda x: np.take_along_axis(x, np.array([[1, 0], [2, 2]]), 0),
        ((3, 2),),
    ),
    Case(
        "gather_nd",
        lambda x: mb.gather_nd(x=x, indices=np.array([[1, 2], [0, 1]], np.int32)),
        lambda x: x[[1, 0], [2, 1]],
    ),
    *(scattered(mode) for mode in ("add", "update", "sub", "mul", "max", "min")),
    Case("non_zero", selected_rows, lambda x: np.argwhere(x > 0)),
    # rearranging
    Case(
        "concat",
        lambda x, y: mb.concat(values=(x, y), axis=-3),
        lambda x, y: np.concatenate((x, y), 1),
        (X, (2, 2, 4, 5)),
    ),
    Case(
        "concat",
        lambda x: mb.concat(
            values=(mb.reduce_sum(x=x, keep_dims=False), mb.reduce_max(x=x, keep_dims=False)),
            axis=0,
        ),
        lambda x: np.array([x.sum(), x.max()]),
        note="scalars",
    ),
    Case("expand_dims", lambda x: mb.expand_dims(x=x, axes=[0, -1]), lambda x: x[None, ..., None], ((3, 4),)),
    Case(
        "fill",
        lambda x: mb.add(x=x, y=mb.fill(shape=mb.shape(x=x), value=0.5)),
        lambda x: x + 0.5,
    ),
    Case(
        "fill_like",
        lambda x: mb.add(x=x, y=mb.fill_like(ref_tensor=x, value=0.5)),
        lambda x: x + 0.5,
    ),
    Case(
        "range_1d",
        lambda x: mb.mul(
            x=x,
            y=mb.cast(x=mb.range_1d(start=np.int32(0), end=np.int32(5), step=np.int32(1)), dtype="fp32"),
        ),
        lambda x: x * np.arange(5),
    ),
    Case("reshape", lambda x: mb.reshape(x=x, shape=[2, -1, 10]), lambda x: x.reshape(2, -1, 10)),
    Case(
        "shape",
        lambda x: mb.mul(x=x, y=mb.cast(x=mb.gather(x=mb.shape(x=x), indices=np.int32(1)), dtype="fp32")),
        lambda x: x * 3,
    ),
    Case(
        "shape",
        lambda x: mb.cast(x=mb.shape(x=mb.non_zero(x=x)), dtype="fp32"),
        lambda x: np.array([120, 4]),
        note="computed",
    ),
    Case("squeeze", lambda x: mb.squeeze(x=x, axes=[0, -1]), lambda x: x[0, ..., 0], ((1, 3, 4, 1),)),
    Case("squeeze", lambda x: mb.squeeze(x=x), np.squeeze, ((1, 3, 4, 1),), note="all"),
    Case("stack", lambda x, y: mb.stack(values=(x, y), axis=1), lambda x, y: np.stack((x, y), 1), (X, X)),
    Case("tile", lambda x: mb.tile(x=x, reps=[1, 2, 1, 3]), lambda x: np.tile(x, (1, 2, 1, 3))),
    Case("transpose", lambda x: mb.transpose(x=x, perm=[0, -1, 1, -2]), lambda x: x.transpose(0, 3, 1, 2)),
    # slicing
    Case(
        "slice_by_index",
        lambda x: mb.slice_by_index(x=x, begin=[0, 1, 0, -4], end=[2, 3, 4, -1], stride=[1, 1, 2, 1]),
        lambda x: x[:, 1:3, ::2, -4:-1],
    ),
    Case(
        "slice_by_index",
        lambda x: mb.slice_by_index(
            x=x,
            begin=[1, 2, 1, 1],
            end=[2, 1, 3, 3],
            begin_mask=[False, False, True, False],
            end_mask=[False, True, False, True],
            squeeze_mask=[True, False, False, False],
        ),
        lambda x: x[1, 2:, :3, 1:],
        note="masks",
    ),
    Case(
        "slice_by_index",
        lambda x: mb.slice_by_index(
            x=x, begin=[-1, 0, 0, 0], end=[0, 3, 4, 5], squeeze_mask=[True, False, False, False]
        ),
        lambda x: x[-1],
        note="last",
    ),
    Case(
        "slice_by_index",
        lambda x: mb.slice_by_index(
            x=x,
            begin=[0, 0, 0, 4],
            end=[2, 3, 4, 0],
            stride=[1, 1, 1, -1],
            begin_mask=[False, False, False, True],
            end_mask=[False, False, False, True],
        ),
        lambda x: x[..., ::-1],
        note="reversed",
    ),
    Case(
        "slice_by_size",
        lambda x: mb.slice_by_size(x=x, begin=[0, 1, 1, 0], size=[2, 2, -1, 3]),
        lambda x: x[:, 1:3, 1:, :3],
    ),
    Case("split", lambda x: mb.split(x=x, num_splits=2, axis=2), lambda x: np.split(x, 2, 2)),
    Case(
        "split",
        lambda x: mb.split(x=x, split_sizes=[1, 4], axis=-1),
        lambda x: np.split(x, [1], 3),
        note="sizes",
    ),
]  # fmt: skip


@pytest.mark.parametrize("target", BOTH)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_gives_what_numpy_gives(case: Case, target: str, evaluate: Callable[..., Any]) -> None:
    if target not in case.targets:
        pytest.skip(f"{case.op} is not in this package format")
    random = np.random.RandomState(3)
    names = ("x", "y", "v", "m") if len(case.shapes) < 3 else ("q", "k", "v", "m")
    inputs = {
        name: random.randn(*shape).astype(np.float32)
        for name, shape in zip(names, case.shapes, strict=False)
    }
    if case.positive:
        inputs = {name: np.abs(array) + np.float32(0.01) for name, array in inputs.items()}
    results = list(evaluate(case.build, inputs, target=target).values())
    expected = case.reference(*inputs.values())
    expected = expected if isinstance(expected, list) else [expected]
    assert len(results) == len(expected)
    for result, reference in zip(results, expected, strict=True):
        assert result.dtype == np.float32
        assert result.shape == np.shape(reference)
        np.testing.assert_allclose(result, reference, rtol=2e-5, atol=2e-5)


def test_no_operation_is_without_a_case() -> None:
    assert {case.op for case in CASES} == set(OPS)
