"""Cases for `worker.runtimes.onnx.ops.gathering`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.translator.building import mb
from tests.translator.ops.case import Case

TABLE = np.random.RandomState(7).randn(11, 4).astype(np.float32)


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


CASES = [
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
]  # fmt: skip
