"""The element types of MIL tensors by their numbers, in the description of a network and in its weight file.

Sources: `DataType` in https://github.com/apple/coremltools/blob/9.0/mlmodel/format/MIL.proto and `BlobDataType` in
https://github.com/apple/coremltools/blob/9.0/mlmodel/src/MILBlob/Blob/BlobDataType.hpp
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ElementType:
    """One element type.

    name: MIL's name of the type.
    bits: size of a value in a package; less than 8 for packed types.
    """

    name: str
    bits: int

    def __str__(self) -> str:
        return self.name

    def packed_bytes(self, elements: int) -> int:
        """Return the size of `elements` values in a package, bytes."""
        return (elements * self.bits + 7) // 8


def _types(**numbers: int) -> dict[int, ElementType]:
    return {
        number: ElementType(name=name, bits=_BITS.get(name) or int(name.lstrip("uintfp")))
        for name, number in numbers.items()
    }


_BITS = {"bool": 8}

#: By the numbers of `DataType`, without bfloat16 and the 8-bit floats: Stable Diffusion does not use them. A string has
#: no size of its own.
BY_MIL_NUMBER = {
    2: ElementType(name="string", bits=0),
    **_types(bool=1, fp16=10, fp32=11, fp64=12),
    **_types(int8=21, int16=22, int32=23, int64=24, int4=25),
    **_types(uint8=31, uint16=32, uint32=33, uint64=34, uint4=35),
    **_types(uint2=36, uint1=37, uint6=38, uint3=39),
}

#: By the numbers of `BlobDataType`.
BY_BLOB_NUMBER = {
    **_types(fp16=1, fp32=2, uint8=3, int8=4, int16=6, uint16=7, int4=8),
    **_types(uint1=9, uint2=10, uint4=11, uint3=12, uint6=13, int32=14, uint32=15),
}
