"""Arrays that go into and come out of networks: checks dtypes, names and finiteness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdq_core.errors import BrokenImageError, PackageError
from sdq_core.models.declared import Part
from worker.runtimes.contract import LoadedModel

Array = NDArray[Any]


def as_expected(model: LoadedModel, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the ``inputs`` that the network takes, each in the dtype of its package."""
    expected = model.expected_inputs
    # Values beyond float16 become infinity; the check of the network's output then finds it broken.
    with np.errstate(over="ignore"):
        return {
            name: value.astype(expected[name]["dtype"])
            for name, value in inputs.items()
            if name in expected
        }


def declared(model: LoadedModel, name: str) -> Part:
    """Return a loaded network as `sdq_core.models.declared` has it. name: the subject of messages."""
    inputs = {key: tuple(spec["shape"]) for key, spec in model.expected_inputs.items()}
    return Part(name=name, inputs=inputs)


def require_output(outputs: Mapping[str, Array], name: str, part: str) -> Array:
    """Return one output; raise PackageError if the network does not have it."""
    if name not in outputs:
        raise PackageError(
            f"The {part} has the outputs {', '.join(sorted(outputs))}, but not {name!r}. "
            "Convert it with Apple's torch2coreml, or download it again."
        )
    return outputs[name]


def require_finite(values: Array, what: str) -> None:
    """Raise BrokenImageError for NaN or infinity. what: the subject of its message."""
    if not np.isfinite(values).all():
        raise BrokenImageError(
            f"{what} produced NaN or infinite values. "
            "Try again. If it keeps failing, use another compute unit (CPU_ONLY is the safest)."
        )
