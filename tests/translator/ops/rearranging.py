"""Cases for `worker.runtimes.onnx.ops.rearranging`."""

from __future__ import annotations

import numpy as np

from tests.translator.building import mb
from tests.translator.ops.case import Case, X

CASES = [
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
]  # fmt: skip
