"""Cases for `worker.runtimes.onnx.ops.reduction`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.translator.building import mb
from tests.translator.ops.case import Case


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


CASES = [
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
]  # fmt: skip
