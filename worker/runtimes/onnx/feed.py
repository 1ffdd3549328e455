"""What a translation takes: the arrays of a call, in the types and the order of channels that it was translated to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdq_core.models.colour_layout import ColourLayout
from worker.runtimes.inputs import Input, rounded


def feed(
    package: Path, expected: Mapping[str, Input], given: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a call for a translation: rounded to the package's types, then float32 or int64.

    Raises PackageError if an input is missing, unknown or has another shape.
    """
    arrays = {
        name: np.asarray(array, np.float32 if array.dtype.kind == "f" else np.int64, order="C")
        for name, array in rounded(package, expected, given).items()
    }
    for name in arrays:
        if expected[name].image is ColourLayout.BGR:
            arrays[name] = np.ascontiguousarray(arrays[name][:, ::-1])
    return arrays
