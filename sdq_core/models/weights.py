"""`weight.bin`: the file with a package's large constants, mapped into memory; here only what says where each lies.

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

from sdq_core.errors import PackageError
from sdq_core.models.element_types import BY_BLOB_NUMBER, ElementType

_HEADER_BYTES = 64
_METADATA = struct.Struct("<IIQQQ")
_METADATA_BYTES = 64
_SENTINEL = 0xDEADBEEF


class WeightFile:
    """A memory-mapped `weight.bin`."""

    def __init__(self, path: Path) -> None:
        """Map the file; raise PackageError if that fails or it is shorter than its header."""
        self.path = path
        try:
            with path.open("rb") as stream:
                self.mapping = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise self._damaged(f"it cannot be mapped: {error}") from error
        if len(self.mapping) < _HEADER_BYTES:
            raise self._damaged(f"it has {len(self.mapping)} bytes, less than its header")

    def check(self, offset: int, dtype: ElementType, shape: Sequence[int]) -> slice:
        """Return which bytes of the file are the values of the blob whose metadata begins at byte `offset`.

        dtype, shape: from the network's description. Raises PackageError if file and description disagree.
        """
        size = len(self.mapping)
        if offset < _HEADER_BYTES or offset + _METADATA_BYTES > size:
            raise self._damaged(f"a tensor should begin at byte {offset} of {size}")
        sentinel, number, data_bytes, data_offset, padding_bits = _METADATA.unpack_from(
            self.mapping, offset
        )
        if sentinel != _SENTINEL:
            raise self._damaged(f"there is no tensor at byte {offset}")
        stored = BY_BLOB_NUMBER.get(number)
        if stored is None:
            raise PackageError(
                f"{self.path} has a tensor of data type {number} at byte {offset}, which this version does not read. "
                "Upgrade sdq, or convert the model again with float16 weights."
            )
        if stored.name != dtype.name:
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
