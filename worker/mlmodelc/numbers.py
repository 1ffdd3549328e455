"""The numbers of a text -> arrays."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sdq_core.models.mil.syntax import Value
from worker.mlpackage import datatypes
from worker.mlpackage.datatypes import DataType

_Item = TypeVar("_Item", bool, int, float)

_INTEGER = r"-?\d{1,20}"
#: C's `%a`, and decimal numbers, which cannot be taken for anything else.
_FLOAT = (
    r"-?(?:0x[0-9a-fA-F]{1,20}(?:\.[0-9a-fA-F]{0,20})?(?:p[+-]?\d{1,5})?"
    r"|\d{1,40}(?:\.\d{0,40})?(?:[eE][+-]?\d{1,5})?|inf|nan)"
)


def _row(item: str) -> re.Pattern[str]:
    return re.compile(rf"\s*+{item}\s*+(?:,\s*+{item}\s*+)*+", re.ASCII)


_INTEGERS, _FLOATS, _BOOLS = _row(_INTEGER), _row(_FLOAT), _row("(?:true|false)")


def array_of(value: Value, dtype: DataType) -> NDArray[np.generic]:
    """Return the array that a text's numbers or strings are; raise ValueError if they are no such array.

    value: one that has no blob. dtype: its element type.
    """
    shape = value.sizes
    if dtype is datatypes.STRING:
        array: NDArray[np.generic] = np.array(value.texts, dtype=dtype.numpy)
    elif dtype is datatypes.BOOL:
        array = np.array(_items(value, _BOOLS, lambda word: word == "true"), dtype=dtype.numpy)
    elif dtype.is_float:
        array = _rounded(np.array(_items(value, _FLOATS, _float), dtype=np.float64), dtype)
    else:
        array = np.array(_in_range(_items(value, _INTEGERS, int), dtype), dtype=dtype.numpy)
    if array.size != math.prod(shape):
        raise ValueError(f"a constant of shape {shape} has {array.size} values")
    return array.reshape(shape)


def _items(value: Value, row: re.Pattern[str], read: Callable[[str], _Item]) -> list[_Item]:
    """Return the numbers of all rows; each row must have as many as the last size says."""
    found: list[_Item] = []
    for written in value.rows:
        if not written.strip():
            continue
        if not row.fullmatch(written):
            raise ValueError(f"a constant is not {value.element}")
        before = len(found)
        found.extend(read(word.strip()) for word in written.split(","))
        if value.sizes and len(found) - before != value.sizes[-1]:
            raise ValueError(f"a row of a constant of shape {value.sizes} has another length")
    return found


def _float(word: str) -> float:
    # float.fromhex takes "1.5" for a hexadecimal number, too.
    return float.fromhex(word) if "0x" in word else float(word)


def _rounded(exact: NDArray[np.float64], dtype: DataType) -> NDArray[np.generic]:
    with np.errstate(over="ignore", under="ignore"):
        rounded = exact.astype(dtype.numpy)
    if bool(np.any(np.isfinite(exact) & ~np.isfinite(rounded))):
        raise ValueError(f"a constant is larger than {dtype} can be")
    return rounded


def _in_range(items: list[int], dtype: DataType) -> list[int]:
    signed = dtype.name.startswith("int")
    least = -(1 << (dtype.bits - 1)) if signed else 0
    most = (1 << (dtype.bits - signed)) - 1
    if items and not least <= min(items) <= max(items) <= most:
        raise ValueError(f"a constant is not {dtype}")
    return items
