"""One entry point for everything that reads a model: bytes in, nothing but `PackageError` out.

The bytes are a `model.mlmodel`, or the `model.mil` of a compiled model, which begins with ``program``; then eight bytes
``|WEIGHTS``, then a `weight.bin`; without the mark there are no weights. Read are the declared shapes (what submitting
does), then the program, all its constants and its translation (what an engine does before it hands anything to ONNX
Runtime).
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.compiled import CompiledModel
from sdq_core.models.network import read_network
from sdq_core.models.package import Package
from worker.mlmodelc import text
from worker.mlpackage import proto
from worker.mlpackage.program import Constant, Program
from worker.runtimes.onnx.translate import refusing_damage, translate

MARK = b"|WEIGHTS"
TEXT = b"program"
MODEL_FILE = Path("Data/com.apple.CoreML/model.mlmodel")
_WEIGHTS = MODEL_FILE.parent / "weights" / "weight.bin"
_MANIFEST = {
    "fileFormatVersion": "1.0.0",
    "itemInfoEntries": {"m": {"path": "com.apple.CoreML/model.mlmodel"}},
    "rootModelIdentifier": "m",
}


def join(model: bytes, weights: bytes = b"") -> bytes:
    """Make an input of the entry point."""
    return model + (MARK + weights if weights else b"")


def write_package(data: bytes, folder: Path) -> Path:
    """Write the package that `data` is into `folder`."""
    model, _, weights = data.partition(MARK)
    package = folder / "fuzzed.mlpackage"
    (package / _WEIGHTS).parent.mkdir(parents=True, exist_ok=True)
    (package / "Manifest.json").write_text(json.dumps(_MANIFEST))
    (package / MODEL_FILE).write_bytes(model)
    (package / _WEIGHTS).write_bytes(weights)
    return package


def write_compiled(data: bytes, folder: Path) -> Path:
    """Write the compiled model that `data` is into `folder`."""
    network, _, weights = data.partition(MARK)
    model = folder / "fuzzed.mlmodelc"
    (model / "weights").mkdir(parents=True, exist_ok=True)
    (model / "model.mil").write_bytes(network)
    (model / "weights" / "weight.bin").write_bytes(weights)
    return model


def write_model(data: bytes, folder: Path) -> Path:
    """Write the package or compiled model that `data` is into `folder`."""
    return (write_compiled if data.startswith(TEXT) else write_package)(data, folder)


def read_program(model: Path) -> Program:
    """Read the network of a package or compiled model, as the portable runtime does."""
    if model.suffix == ".mlmodelc":
        return text.read_program(CompiledModel.open(model))
    return proto.read_program(Package.open(model))


def read_everything(data: bytes, folder: Path) -> bool:
    """Read the model that `data` is, in `folder`; return whether it is whole, raise what is a defect."""
    model = write_model(data, folder)
    with contextlib.suppress(PackageError):
        network = read_network(model)
        assert network.precision
        assert network.splits_heads in {True, False}
    try:
        program = read_program(model)
        written_in_place = (
            argument
            for operation in program.operations
            for group in operation.inputs.values()
            for argument in group
            if isinstance(argument, Constant)
        )
        for constant in (*program.constants.values(), *written_in_place):
            constant.load()
        graph = translate(program)
        with refusing_damage(program, "its constants"):
            for initializer in graph.initializers.values():
                initializer.load()
    except PackageError as error:
        message = str(error)
        assert "\n" not in message, message
        assert len(message) < 3000, message[:500]
        return False
    return True
