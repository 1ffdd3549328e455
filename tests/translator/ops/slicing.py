"""Cases for `worker.runtimes.onnx.ops.slicing`."""

from __future__ import annotations

import numpy as np

from tests.translator.building import mb
from tests.translator.ops.case import Case

CASES = [
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
