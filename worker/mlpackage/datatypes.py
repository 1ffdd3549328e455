"""The element types of MIL tensors with their NumPy dtypes, and how their values are stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdq_core.models import element_types
from sdq_core.models.element_types import ElementType


@dataclass(frozen=True, kw_only=True)
class DataType(ElementType):
    """One element type. numpy: dtype of the unpacked values."""

    numpy: np.dtype[np.generic]

    @property
    def is_float(self) -> bool:
        """Whether values are floating point, of any width."""
        return self.numpy.kind == "f"

    @property
    def is_integer(self) -> bool:
        """Whether values are integers, signed or not, of any width; bool is not one."""
        return self.numpy.kind in "iu"


_NUMPY = {
    **{"bool": "?", "string": "O", "fp16": "<f2", "fp32": "<f4", "fp64": "<f8", "int4": "i1"},
    **dict.fromkeys(("uint1", "uint2", "uint3", "uint4", "uint6"), "u1"),
    **{f"int{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
}

#: The numbers of `DataType` in MIL.proto.
BY_MIL_NUMBER = {
    number: DataType(name=kind.name, bits=kind.bits, numpy=np.dtype(_NUMPY[kind.name]))
    for number, kind in element_types.BY_MIL_NUMBER.items()
}

#: By MIL's names.
BY_NAME = {kind.name: kind for kind in BY_MIL_NUMBER.values()}
BOOL, STRING = BY_NAME["bool"], BY_NAME["string"]
FLOAT16, FLOAT32, FLOAT64 = BY_NAME["fp16"], BY_NAME["fp32"], BY_NAME["fp64"]
INT4, INT8, INT16, INT32, INT64 = (BY_NAME[f"int{bits}"] for bits in (4, 8, 16, 32, 64))
UINT1, UINT2, UINT3, UINT4, UINT6 = (BY_NAME[f"uint{bits}"] for bits in (1, 2, 3, 4, 6))
UINT8, UINT16, UINT32, UINT64 = (BY_NAME[f"uint{bits}"] for bits in (8, 16, 32, 64))


def unpack_bits(packed: NDArray[np.uint8], bits: int, elements: int) -> NDArray[np.uint8]:
    """Return `elements` unsigned values of `bits` bits each, one a byte.

    packed: uint8 [at least ceil(elements * bits / 8)]. Values follow one another from the least significant bit of the
    first byte and may straddle bytes, as the notes of `constexpr_lut_to_dense` (iOS 16) specify.
    """
    if bits == 8:
        return packed[:elements]
    if 8 % bits == 0:
        # No value straddles a byte: shifts are about ten times faster than single bits on a gigabyte of indices.
        per_byte = 8 // bits
        shifts = np.arange(0, 8, bits, dtype=np.uint8)
        used = packed[: (elements + per_byte - 1) // per_byte]
        spread = (used[:, None] >> shifts) & np.uint8((1 << bits) - 1)
        values: NDArray[np.uint8] = spread.reshape(-1)[:elements]
        return values
    single = np.unpackbits(packed, count=elements * bits, bitorder="little")
    return np.packbits(single.reshape(elements, bits), axis=1, bitorder="little").reshape(-1)


def unpack(packed: NDArray[np.uint8], dtype: DataType, elements: int) -> NDArray[np.generic]:
    """Return `elements` values of `dtype` from a package's bytes; a view if nothing is packed.

    packed: uint8 [dtype.packed_bytes(elements)]. Returns a one-dimensional array of ``dtype.numpy``.
    """
    if dtype.bits >= 8:
        whole: NDArray[np.generic] = packed.view(dtype.numpy)[:elements]
        return whole
    values = unpack_bits(packed, dtype.bits, elements)
    if dtype is INT4:
        # Carry bit 3 into the upper half: 0b1010 is -6.
        signed: NDArray[np.generic] = (values ^ np.uint8(8)).astype(np.int8) - np.int8(8)
        return signed
    return values
