"""Cases for `worker.runtimes.onnx.ops.linear`."""

from __future__ import annotations

import numpy as np

from tests.translator.building import mb
from tests.translator.ops.case import Case

_random = np.random.RandomState(7)
W_LINEAR = _random.randn(7, 5).astype(np.float32)
B7 = _random.randn(7).astype(np.float32)


def einsum_case(equation: str, *shapes: tuple[int, ...]) -> Case:
    return Case(
        "einsum",
        lambda x, y: mb.einsum(values=(x, y), equation=equation),
        lambda x, y: np.einsum(equation, x, y),
        shapes,
        note=f"{equation}{shapes[0]}",
    )


CASES = [
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
]  # fmt: skip
