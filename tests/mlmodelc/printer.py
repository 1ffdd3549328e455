"""Packages as compiled models, written as Apple's compiler writes them; the reader's code has no part in it.

The text lists a package's operations in order, parameters alphabetically, floats as C's `%a`. Version 1.0 writes
scalars as `tensor<int32, []>(1)`, 1.3 as `int32(1)`. Weights are copied: the text names their offsets.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from worker.mlpackage.messages import Model

DIALECTS = ("1.0", "1.3")
#: As `DataType` of MIL.proto numbers them, with the field or the dtype that holds values in place.
TYPES = {
    1: "bool", 2: "string", 10: "fp16", 11: "fp32", 12: "fp64",
    21: "int8", 22: "int16", 23: "int32", 24: "int64", 25: "int4",
    31: "uint8", 32: "uint16", 33: "uint32", 34: "uint64",
    35: "uint4", 36: "uint2", 37: "uint1", 38: "uint6", 39: "uint3",
}  # fmt: skip
IN_BYTES = {"fp16": "<f2", "int8": "i1", "uint8": "u1", "int16": "<i2", "uint16": "<u2"}
IN_BYTES |= {"int64": "<i8", "uint64": "<u8", "uint32": "<u4", "fp32": "<f4"}
NAMES = {
    "text_encoder": "TextEncoder",
    "unet": "Unet",
    "vae_decoder": "VAEDecoder",
    "vae_encoder": "VAEEncoder",
    "safety_checker": "SafetyChecker",
}


def compile_package(package: Path, compiled: Path, dialect: str = "1.0") -> Path:
    """Write the compiled model of a package to the folder `compiled`, and return that."""
    data = package / "Data" / "com.apple.CoreML"
    spec = parse(package)
    (compiled / "analytics").mkdir(parents=True)
    for name in ("coremldata.bin", "analytics/coremldata.bin"):
        (compiled / name).write_bytes(b"not read")
    (compiled / "model.mil").write_text(text_of(spec, dialect), encoding="utf-8")
    (compiled / "metadata.json").write_text(json.dumps([metadata_of(spec)], indent=2))
    if (data / "weights").is_dir():
        shutil.copytree(data / "weights", compiled / "weights")
    return compiled


def compile_variant(packages: Path, folder: Path, dialect: str = "1.0") -> Path:
    """Write the compiled models of all packages in a folder, under the names that Apple's tools give them."""
    for package in packages.glob("*.mlpackage"):
        part = next(part for part in NAMES if package.stem.endswith(f"_{part}"))
        compile_package(package, folder / f"{NAMES[part]}.mlmodelc", dialect)
    return folder


def parse(package: Path) -> Any:
    spec = Model()
    spec.ParseFromString((package / "Data/com.apple.CoreML/model.mlmodel").read_bytes())
    return spec


def text_of(spec: Any, dialect: str) -> str:
    return "".join(Printer(dialect).program(spec))


def metadata_of(spec: Any) -> dict[str, Any]:
    """What the compiler says of the function `main`, as far as sdq looks at it."""
    function = spec.mlProgram.functions[spec.description.defaultFunctionName or "main"]
    block = function.block_specializations[function.opset]
    histogram: dict[str, int] = {}
    for operation in block.operations:
        if operation.type != "const":
            first, *others = operation.type.split("_")
            name = "Ios16." + first + "".join(map(str.capitalize, others))
            histogram[name] = histogram.get(name, 0) + 1
    words = {"fp16": "Float16", "fp32": "Float32", "fp64": "Double", "int32": "Int32"}
    inputs = [
        {
            "hasShapeFlexibility": "0",
            "isOptional": "0",
            "dataType": words.get(element(value.type), "Unknown"),
            "shape": str(list(sizes(value.type))),
            "name": value.name,
            "type": "MultiArray",
        }
        for value in function.inputs
    ]
    outputs = [{"name": name, "shape": "[]", "type": "MultiArray"} for name in block.outputs]
    found: dict[str, Any] = {
        "metadataOutputVersion": "3.0",
        "mlProgramOperationTypeHistogram": histogram,
        "inputSchema": inputs,
        "outputSchema": outputs,
    }
    if len(spec.mlProgram.functions) > 1:
        found["defaultFunctionName"] = spec.description.defaultFunctionName
    return found


class Printer:
    def __init__(self, dialect: str) -> None:
        self.dialect = dialect

    def program(self, spec: Any) -> Iterator[str]:
        text = self.type("string", ())
        build = '{{"coremlc-component-MIL", "3500.14.1"}, {"coremlc-version", "3500.32.1"}}'
        yield f"program({self.dialect})\n[buildInfo = dict<{text}, {text}>({build})]\n{{\n"
        for name in sorted(spec.mlProgram.functions):
            yield from self.function(name, spec.mlProgram.functions[name])
        yield "}"

    def function(self, name: str, function: Any) -> Iterator[str]:
        block = function.block_specializations[function.opset]
        opset = f"ios{int(function.opset.removeprefix('CoreML')) + 10}"
        inputs = ", ".join(self.declared(v) for v in sorted(function.inputs, key=lambda v: v.name))
        yield f"    func {name}<{opset}>({inputs}) {{\n"
        for operation in block.operations:
            yield f"            {self.operation(operation)}\n"
        yield f"        }} -> ({', '.join(block.outputs)});\n"

    def declared(self, value: Any) -> str:
        return f"{self.type(element(value.type), sizes(value.type))} {value.name}"

    def operation(self, operation: Any) -> str:
        gives = ", ".join(map(self.declared, operation.outputs))
        takes = ", ".join(
            f"{key} = {self.argument(operation.inputs[key].arguments)}"
            for key in sorted(operation.inputs)
        )
        attributes = ", ".join(
            f"{key} = {self.value(operation.attributes[key])}"
            for key in sorted(operation.attributes)
        )
        return f"{gives} = {operation.type}({takes}){f'[{attributes}]' if attributes else ''};"

    def argument(self, bindings: Sequence[Any]) -> str:
        words = [
            binding.name if binding.WhichOneof("binding") == "name" else self.value(binding.value)
            for binding in bindings
        ]
        # A tuple of one is only known as such by its parameter.
        return words[0] if len(words) == 1 else f"({', '.join(words)})"

    def type(self, name: str, shape: Sequence[int | None]) -> str:
        if not shape and self.dialect == "1.3":
            return name
        return f"tensor<{name}, [{', '.join('?' if s is None else str(s) for s in shape)}]>"

    def value(self, value: Any) -> str:
        name, shape = element(value.type), [int(size) for size in sizes(value.type)]
        kind = self.type(name, shape)
        if value.WhichOneof("value") == "blobFileValue":
            blob = value.blobFileValue
            path = f'{self.type("string", ())}("{blob.fileName}")'
            offset = f"{self.type('uint64', ())}({blob.offset})"
            return f"{kind}(BLOBFILE(path = {path}, offset = {offset}))"
        words = [literal(name, item) for item in items(value.immediateValue.tensor, name, shape)]
        return f"{kind}({nested(words, shape)})"


def element(kind: Any) -> str:
    return TYPES[kind.tensorType.dataType]


def sizes(kind: Any) -> list[Any]:
    return [
        size.constant.size if size.WhichOneof("dimension") == "constant" else None
        for size in kind.tensorType.dimensions
    ]


def items(tensor: Any, name: str, shape: Sequence[int]) -> list[Any]:
    field = tensor.WhichOneof("value")
    if field is None:
        return []
    stored = getattr(tensor, field).values
    if field != "bytes":
        return list(stored)
    if name in IN_BYTES:
        return np.frombuffer(stored, IN_BYTES[name]).tolist()
    bits = int(name.lstrip("uint"))
    number = int.from_bytes(stored, "little")
    found = [number >> bits * index & (1 << bits) - 1 for index in range(math.prod(shape))]
    return [n - (1 << bits) if name[0] == "i" and n >> bits - 1 else n for n in found]


def literal(name: str, item: Any) -> str:
    if name == "string":
        return '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if name == "bool":
        return "true" if item else "false"
    if not name.startswith("fp"):
        return str(int(item))
    if not math.isfinite(item):
        return str(float(item))
    mantissa, _, exponent = float(item).hex().partition("p")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}p{exponent}"


def nested(words: list[str], shape: Sequence[int]) -> str:
    if not shape:
        return words[0]
    if len(shape) == 1:
        return f"[{', '.join(words)}]"
    step = math.prod(shape[1:])
    parts = [nested(words[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]
    return f"[{', '.join(parts)}]"
