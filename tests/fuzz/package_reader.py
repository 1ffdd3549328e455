"""One entry point for everything that reads a package: bytes in, nothing but `PackageError` out.

The bytes are a `model.mlmodel`, then eight bytes ``|WEIGHTS``, then a `weight.bin`; without the mark there are no
weights. Read are the declared shapes (what submitting does), then the program, all its constants and its translation
(what an engine does before it hands anything to ONNX Runtime).
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models.network import read_network
from sdq_core.models.package import Package
from worker.mlpackage.program import Constant
from worker.mlpackage.proto import read_program
from worker.runtimes.onnx.translate import refusing_damage, translate

MARK = b"|WEIGHTS"
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


def read_everything(data: bytes, folder: Path) -> bool:
    """Read the package that `data` is, in `folder`; return whether it is whole, raise what is a defect."""
    package = write_package(data, folder)
    with contextlib.suppress(PackageError):
        network = read_network(package)
        assert network.precision
        assert network.splits_heads in {True, False}
    try:
        program = read_program(Package.open(package))
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
