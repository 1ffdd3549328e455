"""Compressed constants -> dense arrays: MIL's `constexpr_*` operations, evaluated with NumPy.

These functions do the arithmetic of the definitions in
  iOS 16  https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#module-coremltools.converters.mil.mil.ops.defs.iOS16.constexpr_ops
  iOS 18  https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#module-coremltools.converters.mil.mil.ops.defs.iOS18.compression

The two sets share names and differ in parameters: the old forms carry a ``shape``, the new ones do not. Arrays come in
unpacked, one value an element. Arithmetic is float32 and the result is rounded once, to the type of the scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.mlpackage import datatypes

Array = NDArray[Any]
Inputs = Mapping[str, Array]


def lut_to_dense_packed(lut: Array, indices: Array, shape: tuple[int, ...]) -> Array:
    """constexpr_lut_to_dense, iOS 16: one table of 2, 4, 16, 64 or 256 values; indices packed in bytes.

    lut: [2^bits]; indices: uint8 [ceil(bits * product(shape) / 8)]. Returns `shape`, of the table's type.
    """
    elements = math.prod(shape)
    bits = _index_bits(lut.size)
    if indices.size != (elements * bits + 7) // 8:
        raise ValueError(f"{indices.size} bytes of {bits}-bit indices for shape {shape}")
    dense: Array = lut[datatypes.unpack_bits(indices, bits, elements)]
    return dense.reshape(shape)


def lut_to_dense(lut: Array, indices: Array, vector_axis: int | None) -> Array:
    """constexpr_lut_to_dense, iOS 18: one table of values or of vectors per block of the indices.

    indices: uint8 [d1, ..., dk]; lut: [g1, ..., gk, 2^bits, vector size] where each g divides its d.
    Returns the shape of the indices, `vector_axis` of it longer by the vector size; the table's type.
    """
    rank = indices.ndim
    if lut.ndim != rank + 2 or any(
        g < 1 or d % g for d, g in zip(indices.shape, lut.shape, strict=False)
    ):
        raise ValueError(f"a table of shape {lut.shape} for indices of shape {indices.shape}")
    _index_bits(lut.shape[-2])
    if indices.size and int(indices.max()) >= lut.shape[-2]:
        raise ValueError(f"index {indices.max()} into a table of {lut.shape[-2]}")
    groups, vector_size = lut.shape[:rank], lut.shape[-1]
    tables = lut.reshape(-1, lut.shape[-2], vector_size)
    if len(tables) == 1:
        dense: Array = tables[0][indices]
    else:
        # The number of each element's table: row-major over the groups, each stretched over its block.
        numbers = np.arange(len(tables)).reshape(groups)
        dense = tables[_stretched(numbers, indices.shape), indices]
    if vector_size == 1:
        return dense.reshape(indices.shape)
    if vector_axis is None or not -rank <= vector_axis < rank:
        raise ValueError(f"vector axis {vector_axis} of {rank} dimensions")
    axis = vector_axis % rank
    shape = [size * (vector_size if i == axis else 1) for i, size in enumerate(indices.shape)]
    return np.moveaxis(dense, -1, axis + 1).reshape(shape)


def affine_dequantize(data: Array, scale: Array, zero_point: Array, axis: int) -> Array:
    """constexpr_affine_dequantize, iOS 16: scale * (data - zero_point), both per tensor or along `axis`.

    data: [u]int8 [d1, ..., dk]; scale, zero_point: scalar or [d of axis]. Returns that shape, of the scale's type.
    """

    def along_axis(values: Array) -> Array:
        if values.size == 1:
            return values.reshape(())
        if values.size != data.shape[axis]:
            raise ValueError(f"{values.size} scales for {data.shape[axis]} slices")
        return values.reshape([-1 if i == axis % data.ndim else 1 for i in range(data.ndim)])

    shifted = data.astype(np.float32) - along_axis(zero_point).astype(np.float32)
    dense: Array = (shifted * along_axis(scale).astype(np.float32)).astype(scale.dtype)
    return dense


def blockwise_shift_scale(data: Array, scale: Array, offset: Array | None) -> Array:
    """constexpr_blockwise_shift_scale, iOS 18: scale * (data - offset), each for a block of the data.

    data: [d1, ..., dk]; scale, offset: [g1, ..., gk] where each g divides its d. Returns data's shape, scale's type.
    """
    dense = data.astype(np.float32)
    if offset is not None:
        dense -= _stretched(offset.astype(np.float32), data.shape)
    dense *= _stretched(scale.astype(np.float32), data.shape)
    return dense.astype(scale.dtype)


def sparse_to_dense(nonzero: Array, mask: Array) -> Array:
    """constexpr_sparse_to_dense, iOS 18: the values where mask is 1, zero elsewhere.

    nonzero: [number of ones]; mask: uint8 of 0 and 1. Returns the mask's shape, of the values' type.
    """
    present = mask.astype(bool)
    if int(present.sum()) != nonzero.size:
        raise ValueError(f"{nonzero.size} values for {int(present.sum())} places")
    dense = np.zeros(mask.shape, nonzero.dtype)
    dense[present] = nonzero
    return dense


def sparse_to_dense_packed(nonzero: Array, mask: Array, shape: tuple[int, ...]) -> Array:
    """constexpr_sparse_to_dense, iOS 16: as above, the mask packed in bytes from the least significant bit on."""
    elements = math.prod(shape)
    if mask.size != (elements + 7) // 8:
        raise ValueError(f"a mask of {mask.size} bytes for shape {shape}")
    return sparse_to_dense(nonzero, datatypes.unpack_bits(mask, 1, elements).reshape(shape))


def _lut_to_sparse(inputs: Inputs) -> tuple[Array, ...]:
    """constexpr_lut_to_sparse, iOS 18: a palettized tensor of which only the nonzero part is stored."""
    mask = inputs["indices_mask"]
    indices = sparse_to_dense(inputs["indices_nonzero_data"], mask)
    lut, axis = inputs["lut"], _optional_int(inputs, "vector_axis")
    dense = lut_to_dense(lut, indices, axis)
    if lut.shape[-1] > 1 and axis is not None:
        mask = np.repeat(mask, lut.shape[-1], axis=axis)
    return mask, dense[mask.astype(bool)]


def _sparse_blockwise_shift_scale(inputs: Inputs) -> tuple[Array, ...]:
    """constexpr_sparse_blockwise_shift_scale, iOS 18: a quantised tensor of which only the nonzero part is stored."""
    mask = inputs["data_mask"]
    data = sparse_to_dense(inputs["nonzero_data"], mask)
    dense = blockwise_shift_scale(data, inputs["scale"], inputs.get("offset"))
    return mask, dense[mask.astype(bool)]


def _lut_to_dense_either(inputs: Inputs) -> tuple[Array, ...]:
    if "shape" in inputs:
        return (lut_to_dense_packed(inputs["lut"], inputs["indices"], _shape(inputs)),)
    return (lut_to_dense(inputs["lut"], inputs["indices"], _optional_int(inputs, "vector_axis")),)


def _sparse_to_dense_either(inputs: Inputs) -> tuple[Array, ...]:
    if "shape" in inputs:
        return (sparse_to_dense_packed(inputs["nonzero_data"], inputs["mask"], _shape(inputs)),)
    return (sparse_to_dense(inputs["nonzero_data"], inputs["mask"]),)


#: Operation name -> function from its inputs, by parameter name, to its outputs.
DECODERS: Mapping[str, Callable[[Inputs], tuple[Array, ...]]] = {
    "constexpr_affine_dequantize": lambda i: (
        affine_dequantize(i["quantized_data"], i["scale"], i["zero_point"], int(i["axis"])),
    ),
    "constexpr_blockwise_shift_scale": lambda i: (
        blockwise_shift_scale(i["data"], i["scale"], i.get("offset")),
    ),
    "constexpr_cast": lambda i: (i["source_val"].astype(np.float32),),
    "constexpr_lut_to_dense": _lut_to_dense_either,
    "constexpr_lut_to_sparse": _lut_to_sparse,
    "constexpr_sparse_blockwise_shift_scale": _sparse_blockwise_shift_scale,
    "constexpr_sparse_to_dense": _sparse_to_dense_either,
}


def _stretched(blocks: Array, shape: tuple[int, ...]) -> Array:
    """Repeat each element of `blocks` over its block of `shape`."""
    if blocks.ndim != len(shape) or any(
        b < 1 or s % b for s, b in zip(shape, blocks.shape, strict=True)
    ):
        raise ValueError(f"blocks of shape {blocks.shape} for shape {shape}")
    for axis, size in enumerate(shape):
        if blocks.shape[axis] not in (1, size):
            blocks = np.repeat(blocks, size // blocks.shape[axis], axis=axis)
    return np.broadcast_to(blocks, shape)


def _index_bits(entries: int) -> int:
    bits = entries.bit_length() - 1
    if bits not in (1, 2, 3, 4, 6, 8) or entries != 1 << bits:
        raise ValueError(f"a table of {entries} entries")
    return bits


def _shape(inputs: Inputs) -> tuple[int, ...]:
    return tuple(int(size) for size in inputs["shape"])


def _optional_int(inputs: Inputs, name: str) -> int | None:
    return int(inputs[name]) if name in inputs else None
