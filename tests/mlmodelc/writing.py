"""Compiled models written by hand."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from sdq_core.models.compiled import CompiledModel
from worker.mlmodelc.text import read_program
from worker.mlpackage.program import Program

BLOB_TYPES = {"float16": 1, "float32": 2, "uint8": 3, "int8": 4, "uint4": 11}
Blobs = Mapping[int, tuple[str, bytes]]
NO_BLOBS: Blobs = MappingProxyType({})
BODY = "tensor<fp32, [2]> y = relu(x = x);"


def write_compiled(folder: Path, text: str, blobs: Blobs = NO_BLOBS) -> Path:
    """Write a compiled model; blobs: offset of the metadata -> type and values."""
    (folder / "weights").mkdir(parents=True, exist_ok=True)
    (folder / "model.mil").write_text(text, encoding="utf-8")
    data = bytearray(struct.pack("<II", len(blobs), 2).ljust(64, b"\0"))
    for offset, (kind, values) in sorted(blobs.items()):
        data.extend(bytes(offset - len(data)))
        header = struct.pack("<IIQQQ", 0xDEADBEEF, BLOB_TYPES[kind], len(values), offset + 64, 0)
        data += header.ljust(64, b"\0") + values
    (folder / "weights" / "weight.bin").write_bytes(data)
    return folder


def read(folder: Path, text: str, blobs: Blobs = NO_BLOBS) -> Program:
    """Write a compiled model into a folder, and read its program."""
    return read_program(CompiledModel.open(write_compiled(folder / "net.mlmodelc", text, blobs)))


def program(body: str = BODY, *, head: str = "tensor<fp32, [2]> x", gives: str = "y") -> str:
    """A text of one function; `body` begins in its fourth line, after eight spaces."""
    return (
        f'program(1.3)\n[buildInfo = dict<string, string>({{{{"a", "b"}}}})]\n{{\n'
        f"    func main<ios18>({head}) {{\n        {body}\n    }} -> ({gives});\n}}"
    )


def blob(kind: str, offset: int, file: str = "@model_path/weights/weight.bin") -> str:
    return f'{kind}(BLOBFILE(path = string("{file}"), offset = uint64({offset})))'


def half(*values: float) -> tuple[str, bytes]:
    return "float16", np.array(values, np.float16).tobytes()
