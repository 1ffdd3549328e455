"""Reads a model's inputs from its package or its compiled form.

A compiled model has no protobuf but a `metadata.json` with the shapes as text. Apple's loader calls `eval` on these,
and such folders come from the internet; here they are parsed as lists of whole numbers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from sdq_core.errors import PackageError
from worker.mlpackage.package import Package
from worker.mlpackage.proto import read_description
from worker.runtimes.inputs import Input

METADATA = "metadata.json"

#: `ArrayFeatureType.ArrayDataType` in FeatureTypes.proto.
_BY_NUMBER = {65552: np.float16, 65568: np.float32, 65600: np.float64, 131104: np.int32}
_BY_WORD = {
    "float16": np.float16,
    "float32": np.float32,
    "double": np.float64,
    "float64": np.float64,
    "int32": np.int32,
}
_MOST_DIMENSIONS = 16


def inputs_of_package(package: Package) -> dict[str, Input]:
    """Read the inputs from the package's protobuf; raise PackageError if it is damaged or takes no arrays."""
    found = {}
    for feature in read_description(package).input:
        array = feature.type.multiArrayType
        found[feature.name] = _input(
            package.model, feature.name, list(array.shape), _BY_NUMBER.get(array.dataType)
        )
    return _some(found, package.model)


def inputs_of_compiled(compiled: Path) -> dict[str, Input]:
    """Read the inputs from a compiled model's `metadata.json`; raise PackageError if that is missing or invalid."""
    path = compiled / METADATA
    try:
        schema = json.loads(path.read_bytes())[0]["inputSchema"]
        found = {}
        for feature in schema:
            name = str(feature["name"])
            shape = json.loads(feature["shape"])
            dtype = _BY_WORD.get(str(feature["dataType"]).lower())
            found[name] = _input(path, name, shape, dtype)
    except OSError as error:
        raise PackageError(
            f"{compiled} is not a complete compiled model ({METADATA}: {error.strerror}). Download it again."
        ) from error
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise PackageError(
            f"{path} does not describe the model's inputs. Download the compiled model again."
        ) from error
    return _some(found, path)


def _input(source: Path, name: str, shape: Any, dtype: Any) -> Input:
    sizes = isinstance(shape, list) and 0 < len(shape) <= _MOST_DIMENSIONS
    if not sizes or not all(type(size) is int and size > 0 for size in shape) or dtype is None:
        raise PackageError(
            f"{source}: input {name!r} is not an array of one fixed size. Convert the model again for one size."
        )
    return Input(name=name, shape=tuple(shape), dtype=np.dtype(dtype))


def _some(found: dict[str, Input], source: Path) -> dict[str, Input]:
    if not found:
        raise PackageError(f"{source} has no inputs. Download or convert the model again.")
    return found
