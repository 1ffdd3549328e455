"""The numbers of a text -> arrays."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdq_core.models.mil.syntax import Value
from worker.mlpackage import datatypes
from worker.mlpackage.datatypes import DataType

_INTEGER = r"-?\d{1,20}"
#: C's `%a`, and decimal numbers, which cannot be taken for anything else.
_FLOAT = (
    r"-?(?:0x[0-9a-fA-F]{1,20}(?:\.[0-9a-fA-F]{0,20})?(?:p[+-]?\d{1,5})?"
    r"|\d{1,40}(?:\.\d{0,40})?(?:[eE][+-]?\d{1,5})?|inf|nan)"
)
_ITEM = re.compile(r"[^\s,]+")


def _row(item: str) -> re.Pattern[str]:
    return re.compile(rf"\s*+{item}\s*+(?:,\s*+{item}\s*+)*+", re.ASCII)


_INTEGERS, _FLOATS, _BOOLS = _row(_INTEGER), _row(_FLOAT), _row("(?:true|false)")


def array_of(value: Value, dtype: DataType) -> NDArray[Any]:
    """Return the array that a text's numbers or strings are.

    value: one that has no blob. dtype: its element type. Raises ValueError if they are no such array.
    """
    array: NDArray[Any]
    if dtype is datatypes.STRING:
        array = np.array(value.texts, dtype=dtype.numpy)
    elif dtype is datatypes.BOOL:
        array = _read(value, _BOOLS, lambda word: word == "true", dtype.numpy)
    elif dtype.is_float:
        array = _rounded(_read(value, _FLOATS, _float, np.dtype(np.float64)), dtype)
    else:
        widest = np.int64 if dtype.name.startswith("int") else np.uint64
        array = _in_range(_read(value, _INTEGERS, int, np.dtype(widest)), dtype)
    if array.size != math.prod(value.sizes):
        raise ValueError(f"a constant of shape {value.sizes} has {array.size} values")
    return array.reshape(value.sizes)


def _read(
    value: Value, row: re.Pattern[str], number: Callable[[str], float], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return the numbers of all rows, one after the other: an array takes less memory than a list of them."""
    rows = [written for written in value.rows if written.strip()]
    for written in rows:
        if not row.fullmatch(written):
            raise ValueError(f"a constant is not {value.element}")
        if value.sizes and written.count(",") + 1 != value.sizes[-1]:
            raise ValueError(f"a row of a constant of shape {value.sizes} has another length")
    words = (match[0] for written in rows for match in _ITEM.finditer(written))
    try:
        return np.fromiter(map(number, words), dtype)
    except OverflowError:
        raise ValueError(f"a constant is larger than {value.element} can be") from None


def _float(word: str) -> float:
    # float.fromhex takes "1.5" for a hexadecimal number, too.
    return float.fromhex(word) if "0x" in word else float(word)


def _rounded(exact: NDArray[Any], dtype: DataType) -> NDArray[Any]:
    with np.errstate(over="ignore", under="ignore"):
        rounded = exact.astype(dtype.numpy)
    if np.any(np.isfinite(exact) & ~np.isfinite(rounded)):
        raise ValueError(f"a constant is larger than {dtype} can be")
    return rounded


def _in_range(exact: NDArray[Any], dtype: DataType) -> NDArray[Any]:
    """Return integers in their type; one below a byte is kept in a whole one."""
    bits, signed = dtype.bits, dtype.name.startswith("int")
    least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if exact.size and not least <= int(exact.min()) <= int(exact.max()) <= most:
        raise ValueError(f"a constant is not {dtype}")
    return exact.astype(dtype.numpy)
