"""Cases for `worker.runtimes.onnx.ops.activation`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.translator.building import mb
from tests.translator.ops.case import Case, erf, softmax, unary


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


CASES = [
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
    unary("tanh", np.tanh),
]  # fmt: skip
