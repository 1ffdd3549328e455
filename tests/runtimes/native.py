"""What stands in for Core ML's native part off macOS, so that coremltools' own Python classes run as they are.

coremltools reaches Core ML through one native class, `_MLModelProxy` of `libcoremlpython`: compile, load, predict.
`install` puts this class in its place and says that the system is a macOS. Compiled models get the files that Core ML
writes and that are read elsewhere; what computes is the portable runtime.
"""

from __future__ import annotations

import json
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from sdq_core.errors import SdqError
from sdq_core.models import network
from sdq_core.models.package import Package
from sdq_core.values.variants import ComputeUnit
from worker.runtimes.coreml.features import inputs_of
from worker.runtimes.onnx import OnnxRuntime

WORDS = {"float16": "Float16", "float32": "Float32", "int32": "Int32"}


class NativeModel:
    """Core ML's `_MLModelProxy`; counts what it is asked for."""

    cache: Path
    compiled: list[str]
    loaded: list[tuple[str, str, dict]]
    #: Raised by the next predict, then forgotten.
    fails_with: Exception | None

    @classmethod
    def compileModel(cls, path):
        cls.compiled.append(path)
        try:
            package = Package.open(Path(path))
            inputs = inputs_of(package.path)
        except SdqError as error:
            raise RuntimeError(f"Error compiling model: {error}") from error
        folder = Path(tempfile.mkdtemp()) / f"{package.path.stem}.mlmodelc"
        folder.mkdir()
        (folder / "coremldata.bin").write_bytes(b"\1")
        shutil.copytree(path, folder / "package.mlpackage")
        schema = [
            {
                "hasShapeFlexibility": "0",
                "isOptional": "0",
                "dataType": WORDS[i.dtype.name],
                "formattedType": f"MultiArray ({WORDS[i.dtype.name]} {' × '.join(map(str, i.shape))})",
                "shortDescription": "",
                "shape": str(list(i.shape)),
                "name": i.name,
                "type": "MultiArray",
            }
            for i in inputs.values()
        ]
        (folder / "metadata.json").write_text(
            json.dumps([{"metadataOutputVersion": "3.0", "inputSchema": schema}])
        )
        return str(folder)

    def __init__(self, path, compute_units, function_name, hints, asset):
        assert function_name == ""
        assert asset is None
        folder = Path(path)
        if not (folder / "coremldata.bin").is_file():
            raise RuntimeError(f"Unable to load model: file://{path}. Compile the model with Xcode")
        try:
            self._model = OnnxRuntime(self.cache, threads=1).load(
                folder / "package.mlpackage", ComputeUnit.ALL
            )
        except SdqError as error:
            raise RuntimeError(f"Error in declaring network. {error}") from error
        self.loaded.append((path, compute_units, hints))

    def predict(self, data, state):
        assert state is None
        data = {
            name: value if type(value) is np.ndarray else _pixels(value)
            for name, value in data.items()
        }
        assert all(value.dtype != np.float16 for value in data.values()), (
            "Core ML's binding knows none"
        )
        if error := NativeModel.fails_with:
            NativeModel.fails_with = None
            raise error
        # Rounded again, as Core ML rounds to the package's types.
        return self._model(**data)


def _pixels(picture: Image.Image) -> np.ndarray:
    assert isinstance(picture, Image.Image)
    assert picture.mode == "RGB"
    return np.asarray(picture).transpose(2, 0, 1)[None]


def install(monkeypatch: pytest.MonkeyPatch, cache: Path, *, macos: str = "15.1") -> None:
    """Let coremltools and sdq believe that they are on a Mac whose Core ML is `NativeModel`."""
    import coremltools

    native = ModuleType("coremltools.libcoremlpython")
    native._MLModelProxy = NativeModel
    monkeypatch.setitem(sys.modules, native.__name__, native)
    version = tuple(int(part) for part in macos.split("."))
    for name in ("_compiled_model", "model", "utils"):
        module = sys.modules[f"{coremltools.__name__}.models.{name}"]
        monkeypatch.setattr(module, "_macos_version", lambda: version)
    monkeypatch.setattr(
        sys.modules["coremltools.models._compiled_model"], "_MLModelProxy", NativeModel
    )
    monkeypatch.setattr(network, "HAS_CORE_ML", True)
    monkeypatch.setattr(platform, "mac_ver", lambda: (macos, ("", "", ""), "arm64"))
    monkeypatch.setattr(NativeModel, "cache", cache, raising=False)
    monkeypatch.setattr(NativeModel, "compiled", [], raising=False)
    monkeypatch.setattr(NativeModel, "loaded", [], raising=False)
    monkeypatch.setattr(NativeModel, "fails_with", None, raising=False)
