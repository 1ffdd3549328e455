"""Cases for `worker.runtimes.onnx.ops.normalization`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.translator.building import mb
from tests.translator.ops.case import Case

_random = np.random.RandomState(7)
GAMMA3, BETA3, MEAN3 = (_random.randn(3).astype(np.float32) for _ in range(3))
VARIANCE3 = _random.rand(3).astype(np.float32) + 0.5
GAMMA5, BETA5 = (_random.randn(5).astype(np.float32) for _ in range(2))


def normalized(x: Any, axes: tuple[int, ...], epsilon: float = 1e-5) -> Any:
    mean = x.mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=axes, keepdims=True) + epsilon)


CASES = [
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
]  # fmt: skip
