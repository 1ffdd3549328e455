"""The element types of MIL tensors, and how their values are stored.

Source: `DataType` in https://github.com/apple/coremltools/blob/9.0/mlmodel/format/MIL.proto
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class DataType:
    """One element type.

    name: MIL's name of the type.
    bits: size of a value in a package; less than 8 for packed types.
    numpy: dtype of the unpacked values.
    """

    name: str
    bits: int
    numpy: np.dtype[np.generic]

    def __str__(self) -> str:
        return self.name

    @property
    def is_float(self) -> bool:
        """Whether values are floating point, of any width."""
        return self.numpy.kind == "f"

    @property
    def is_integer(self) -> bool:
        """Whether values are integers, signed or not, of any width; bool is not one."""
        return self.numpy.kind in "iu"

    def packed_bytes(self, elements: int) -> int:
        """Return the size of `elements` values in a package, bytes."""
        return (elements * self.bits + 7) // 8


def _type(name: str, bits: int, numpy: str) -> DataType:
    return DataType(name=name, bits=bits, numpy=np.dtype(numpy))


BOOL = _type("bool", 8, "?")
STRING = _type("string", 0, "O")
FLOAT16 = _type("fp16", 16, "<f2")
FLOAT32 = _type("fp32", 32, "<f4")
FLOAT64 = _type("fp64", 64, "<f8")
INT4 = _type("int4", 4, "i1")
INT8 = _type("int8", 8, "i1")
INT16 = _type("int16", 16, "<i2")
INT32 = _type("int32", 32, "<i4")
INT64 = _type("int64", 64, "<i8")
UINT1 = _type("uint1", 1, "u1")
UINT2 = _type("uint2", 2, "u1")
UINT3 = _type("uint3", 3, "u1")
UINT4 = _type("uint4", 4, "u1")
UINT6 = _type("uint6", 6, "u1")
UINT8 = _type("uint8", 8, "u1")
UINT16 = _type("uint16", 16, "<u2")
UINT32 = _type("uint32", 32, "<u4")
UINT64 = _type("uint64", 64, "<u8")

#: The numbers of `DataType` in MIL.proto, without bfloat16 and the 8-bit floats: Stable Diffusion does not use them.
BY_MIL_NUMBER = {
    1: BOOL,
    2: STRING,
    10: FLOAT16,
    11: FLOAT32,
    12: FLOAT64,
    21: INT8,
    22: INT16,
    23: INT32,
    24: INT64,
    25: INT4,
    31: UINT8,
    32: UINT16,
    33: UINT32,
    34: UINT64,
    35: UINT4,
    36: UINT2,
    37: UINT1,
    38: UINT6,
    39: UINT3,
}


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
