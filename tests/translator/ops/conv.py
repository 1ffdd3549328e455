"""Cases for `worker.runtimes.onnx.ops.conv`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.translator.building import mb
from tests.translator.ops.case import Case

_random = np.random.RandomState(7)
W3 = _random.randn(6, 3, 3, 3).astype(np.float32)
W3_GROUPED = _random.randn(6, 1, 3, 3).astype(np.float32)
B6 = _random.randn(6).astype(np.float32)


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


def pooled(x: Any, *, pads: Any = ((0, 0), (0, 0)), stride: int = 1, excluded: bool = False) -> Any:
    """avg_pool of windows of 3 x 2 by its definition; pads: ((top, bottom), (left, right))."""
    around = ((0, 0), (0, 0), *pads)
    windows = np.lib.stride_tricks.sliding_window_view
    sums = windows(np.pad(x, around), (3, 2), (2, 3)).sum(axis=(-2, -1))
    counts = windows(np.pad(np.ones_like(x), around), (3, 2), (2, 3)).sum(axis=(-2, -1))
    return (sums / (counts if excluded else 6))[:, :, ::stride, ::stride]


def pool_case(note: str, numpy: dict[str, Any], **options: Any) -> Case:
    return Case(
        "avg_pool",
        lambda x: mb.avg_pool(x=x, kernel_sizes=[3, 2], **options),
        lambda x: pooled(x, **numpy),
        ((2, 3, 6, 6),),
        note=note,
    )


CASES = [
    pool_case("valid", {}, pad_type="valid"),
    pool_case("strided", {"stride": 2}, pad_type="valid", strides=[2, 2]),
    pool_case(
        "custom", {"pads": ((1, 2), (0, 1))}, pad_type="custom", pad=[1, 2, 0, 1]
    ),
    pool_case(
        "excluded", {"pads": ((1, 2), (0, 1)), "excluded": True},
        pad_type="custom", pad=[1, 2, 0, 1], exclude_padding_from_average=True,
    ),
    pool_case("same", {"pads": ((1, 1), (0, 1))}, pad_type="same"),
    pool_case("same_lower", {"pads": ((1, 1), (1, 0))}, pad_type="same_lower"),
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
]  # fmt: skip
