"""`Graph` -> files that ONNX Runtime loads. The only module that imports onnx.

Weights go to a file of their own, because a protobuf message cannot exceed 2 GB. They are written one after another, so
that translating needs memory for one tensor, not for the whole network.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from onnx import TensorProto, helper

from sdq_core.errors import PackageError
from worker.runtimes.onnx.cache import MODEL, WEIGHTS
from worker.runtimes.onnx.graph import BOOLEAN, FLOAT, INTEGER, Graph, Initializer, Value

_OPSET = 20
#: The oldest for opset 20, so that every ONNX Runtime from 1.20 on reads it.
_IR_VERSION = 9
_INLINE_BYTES = 1024
_ALIGNMENT = 64
_PAGE = 4096
_ELEMENT = {
    FLOAT: TensorProto.FLOAT,
    INTEGER: TensorProto.INT64,
    BOOLEAN: TensorProto.BOOL,
}


def write_model(graph: Graph, folder: Path) -> None:
    """Write `graph` to `folder` as ``model.onnx`` and ``weights.data``, and sync both to disk.

    Raises PackageError if a weight cannot be decoded, OSError if writing fails.
    """
    with (folder / WEIGHTS).open("wb") as weights:
        tensors = [_tensor(name, held, weights) for name, held in graph.initializers.items()]
        if weights.tell() == 0:
            weights.write(bytes(_ALIGNMENT))  # an empty file cannot be told from a truncated one
        _sync(weights)
    nodes = [
        helper.make_node(
            node.type, node.inputs, node.outputs, domain=node.domain or None, **node.attributes
        )
        for node in graph.nodes
    ]
    proto = helper.make_graph(
        nodes,
        "main",
        [_value_info(value) for value in graph.inputs],
        [_value_info(value) for value in graph.outputs],
        initializer=tensors,
    )
    domains = sorted({node.domain for node in graph.nodes if node.domain})
    opsets = [helper.make_opsetid("", _OPSET), *(helper.make_opsetid(name, 1) for name in domains)]
    model = helper.make_model(
        proto, opset_imports=opsets, producer_name="sdq", ir_version=_IR_VERSION
    )
    with (folder / MODEL).open("wb") as stream:
        stream.write(model.SerializeToString())
        _sync(stream)


def _tensor(name: str, held: Initializer, weights: BinaryIO) -> Any:
    array = np.asarray(held.load(), dtype=held.dtype, order="C")
    if array.shape != held.shape:
        raise PackageError(
            f"The package is damaged: constant {name} has shape {array.shape}, but is declared as {held.shape}. "
            f"Copy or download the package again."
        )
    tensor = TensorProto(name=name, data_type=_ELEMENT[held.dtype], dims=array.shape)
    if array.nbytes <= _INLINE_BYTES:
        tensor.raw_data = array.tobytes()
        return tensor
    # Large tensors start on a page, so that ONNX Runtime can map them.
    alignment = _PAGE if array.nbytes >= _PAGE else _ALIGNMENT
    weights.write(bytes(-weights.tell() % alignment))
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", WEIGHTS), ("offset", weights.tell()), ("length", array.nbytes)):
        tensor.external_data.add(key=key, value=str(value))
    weights.write(array.data)
    return tensor


def _value_info(value: Value) -> Any:
    # None becomes a dimension without a size.
    shape = None if value.shape is None else list(value.shape)
    return helper.make_tensor_value_info(value.name, _ELEMENT[value.dtype], shape)


def _sync(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())
