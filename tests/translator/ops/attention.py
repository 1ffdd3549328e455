"""Cases for `worker.runtimes.onnx.ops.attention`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.translator.building import mb
from tests.translator.ops.case import Case, softmax

MASK = np.random.RandomState(7).rand(6, 9) > 0.3
MASK[:, 0] = True


def attention(q: Any, k: Any, v: Any, mask: Any = 0.0) -> Any:
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    return softmax(scores + mask) @ v


CASES = [
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
]  # fmt: skip
