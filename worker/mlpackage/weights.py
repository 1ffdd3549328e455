"""`weight.bin`: the file with a package's large constants, mapped into memory and read one blob at a time.

Source: https://github.com/apple/coremltools/blob/9.0/mlmodel/src/MILBlob/Blob/StorageFormat.hpp

    file:      64-byte header (uint32 count of blobs, uint32 version), then blobs
    blob:      64-byte metadata (uint32 sentinel 0xDEADBEEF, uint32 data type, uint64 size in bytes, uint64 offset of
               the data in the file, uint64 padding in bits), then its data, 64-byte aligned

The network's description gives a blob's element type, its shape and the offset of its metadata. Every number is checked
against the others and the file before any data is read, so a damaged file raises `PackageError` and never causes a
crash or wrong weights.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdq_core.errors import PackageError
from worker.mlpackage import datatypes
from worker.mlpackage.datatypes import DataType

_HEADER_BYTES = 64
_METADATA = struct.Struct("<IIQQQ")
_METADATA_BYTES = 64
_SENTINEL = 0xDEADBEEF

_BLOB_TYPES = {
    1: datatypes.FLOAT16,
    2: datatypes.FLOAT32,
    3: datatypes.UINT8,
    4: datatypes.INT8,
    6: datatypes.INT16,
    7: datatypes.UINT16,
    8: datatypes.INT4,
    9: datatypes.UINT1,
    10: datatypes.UINT2,
    11: datatypes.UINT4,
    12: datatypes.UINT3,
    13: datatypes.UINT6,
    14: datatypes.INT32,
    15: datatypes.UINT32,
}


class WeightFile:
    """A memory-mapped `weight.bin`; arrays read from it keep the mapping alive."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as stream:
                mapping = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise self._damaged(f"it cannot be mapped: {error}") from error
        self._bytes: NDArray[np.uint8] = np.frombuffer(mapping, np.uint8)
        if self._bytes.size < _HEADER_BYTES:
            raise self._damaged(f"it has {self._bytes.size} bytes, less than its header")

    def read(self, offset: int, dtype: DataType, shape: Sequence[int]) -> NDArray[np.generic]:
        """Return the blob whose metadata begins at byte `offset`.

        dtype, shape: from the network's description. Returns a read-only array of ``dtype.numpy`` and that shape: a
        view of the file unless values are packed. Raises PackageError if file and description disagree.
        """
        packed = self._bytes[self.check(offset, dtype, shape)]
        return datatypes.unpack(packed, dtype, math.prod(shape)).reshape(tuple(shape))

    def check(self, offset: int, dtype: DataType, shape: Sequence[int]) -> slice:
        """Return which bytes of the file are that blob's values, without reading them; raise as `read` does."""
        size = self._bytes.size
        if offset < _HEADER_BYTES or offset + _METADATA_BYTES > size:
            raise self._damaged(f"a tensor should begin at byte {offset} of {size}")
        sentinel, number, data_bytes, data_offset, padding_bits = _METADATA.unpack(
            self._bytes[offset : offset + _METADATA.size].tobytes()
        )
        if sentinel != _SENTINEL:
            raise self._damaged(f"there is no tensor at byte {offset}")
        stored = _BLOB_TYPES.get(number)
        if stored is None:
            raise PackageError(
                f"{self.path} has a tensor of data type {number} at byte {offset}, which this version does not read. "
                "Upgrade sdq, or convert the model again with float16 weights."
            )
        if stored is not dtype:
            raise self._damaged(f"the tensor at byte {offset} is {stored}, expected {dtype}")
        expected = dtype.packed_bytes(math.prod(shape))
        if data_bytes != expected or padding_bits >= 8:
            raise self._damaged(
                f"the tensor at byte {offset} has {data_bytes} bytes, its shape {tuple(shape)} needs {expected}"
            )
        end = data_offset + data_bytes
        if data_offset < offset + _METADATA_BYTES or end > size:
            raise self._damaged(f"the tensor at byte {offset} ends at byte {end} of {size}")
        return slice(data_offset, end)

    def _damaged(self, what: str) -> PackageError:
        return PackageError(
            f"{self.path} is truncated or damaged ({what}). Copy or download the package again."
        )
