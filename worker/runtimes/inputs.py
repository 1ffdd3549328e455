"""The inputs of a network, and the check of a call against them: the same in every runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdq_core.errors import PackageError
from sdq_core.models.colour_layout import ColourLayout


@dataclass(frozen=True, kw_only=True)
class Input:
    """An input of a network.

    name: its name.
    shape: its fixed shape.
    dtype: the package's type, to which values are rounded.
    image: if it is an image, the order of its channels in the network; callers give RGB.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    image: ColourLayout | None = None


def as_apple_reads(inputs: Mapping[str, Input]) -> dict[str, dict[str, Any]]:
    """Return the inputs in the form of `LoadedModel.expected_inputs`."""
    return {i.name: {"shape": i.shape, "dtype": i.dtype} for i in inputs.values()}


def rounded(
    package: Path, expected: Mapping[str, Input], given: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a call in the package's types, without copying those that already have it.

    Raises PackageError if an input is missing, unknown or has another shape.
    """
    wrong = [f"{name} is unknown" for name in sorted(given.keys() - expected.keys())]
    wrong += [f"{name} is missing" for name in sorted(expected.keys() - given.keys())]
    if wrong:
        raise PackageError(
            f"{package} takes {', '.join(expected)}, but {', '.join(wrong)}. Use packages that were converted together."
        )
    for name, array in given.items():
        if np.shape(array) != expected[name].shape:
            raise PackageError(
                f"{package} takes {name} as {list(expected[name].shape)}, not as {list(np.shape(array))}. "
                f"Use packages that were converted together, or another size."
            )
    return {
        name: np.asarray(array).astype(expected[name].dtype, copy=False)
        for name, array in given.items()
    }
