"""A model's inputs from its package or its compiled form, with the dtypes that Core ML takes."""

from __future__ import annotations

from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.network import read_network
from sdq_core.printable import quote
from worker.mlpackage.datatypes import BY_MIL_NUMBER
from worker.runtimes.inputs import Input

_MOST_DIMENSIONS = 16
#: What Core ML takes.
_DTYPES = {
    kind.name: kind.numpy
    for kind in BY_MIL_NUMBER.values()
    if kind.name in {"fp16", "fp32", "fp64", "int32"}
}


def inputs_of(model: Path) -> dict[str, Input]:
    """Read the inputs of an ``.mlpackage`` or ``.mlmodelc``; raise PackageError unless all have one fixed size.

    A compiled model from the internet has its shapes as text in `metadata.json`, which Apple's loader evaluates; here
    nothing is evaluated.
    """
    network = read_network(model)
    if not network.inputs:
        raise PackageError(f"{model} has no inputs. Download or convert the model again.")
    found = {}
    for name, shape in network.inputs.items():
        kind = network.kinds.get(name)
        dtype = _DTYPES.get(kind.name) if kind else None
        if not shape or min(shape) < 1 or len(shape) > _MOST_DIMENSIONS or dtype is None:
            raise PackageError(
                f"{model}: input {quote(name)} is not an array of one fixed size. Convert the model again for one size."
            )
        found[name] = Input(name=name, shape=shape, dtype=dtype, image=network.images.get(name))
    return found
