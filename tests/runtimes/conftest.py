"""The runtimes under one suite: ONNX Runtime; OpenVINO; Core ML on a Mac; elsewhere coremltools over `native`."""

from __future__ import annotations

import importlib.util
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

import sdq_core
from worker.runtimes.coreml import CoreMLRuntime
from worker.runtimes.onnx import OnnxRuntime

from . import native

if TYPE_CHECKING:
    from worker.runtimes.openvino import OpenVinoRuntime
    from worker.runtimes.openvino.model import OpenVinoModel

logging.getLogger("coremltools").setLevel(logging.CRITICAL)

DEMO = Path(sdq_core.__file__).parent / "demo_model" / "original" / "packages"
#: Not by importing it: `worker.runtimes.openvino` decides how that is done.
HAS_OPENVINO = importlib.util.find_spec("openvino") is not None
ON_A_MAC = sys.platform == "darwin"
SYSTEM = "macOS 15.1 (24B83)"

USUAL = [
    "onnx",
    pytest.param("coreml", marks=pytest.mark.skipif(ON_A_MAC, reason="a Mac has the native part")),
    pytest.param(
        "coreml-native",
        marks=[
            pytest.mark.coreml,
            pytest.mark.skipif(not ON_A_MAC, reason="needs macOS with Core ML"),
        ],
    ),
]
OPENVINO = pytest.param(
    "openvino", marks=pytest.mark.skipif(not HAS_OPENVINO, reason="openvino is not installed")
)


def demo_package(part: str) -> Path:
    return next(DEMO.glob(f"*_{part}.mlpackage"))


def inputs_for(model) -> dict[str, np.ndarray]:
    random = np.random.RandomState(0)
    inputs = {}
    for name, wanted in model.expected_inputs.items():
        array = random.randn(*wanted["shape"])
        if name == "input_ids":
            array = random.randint(0, 500, wanted["shape"])
        elif name == "timestep":
            array = np.full(wanted["shape"], 501)
        elif name == "images":
            array = random.rand(*wanted["shape"])
        inputs[name] = array.astype(wanted["dtype"])
    return inputs


@pytest.fixture(scope="session")
def translations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Translations for all tests: made once, they keep the suite short."""
    return tmp_path_factory.mktemp("translations")


@pytest.fixture
def coreml(tmp_path: Path, translations: Path, monkeypatch: pytest.MonkeyPatch) -> CoreMLRuntime:
    """Core ML, its native part replaced off macOS."""
    pytest.importorskip("coremltools", reason="coremltools is not installed")
    if not ON_A_MAC:
        native.install(monkeypatch, translations)
    return CoreMLRuntime(cache_dir=tmp_path / "compiled", system=SYSTEM)


@pytest.fixture(scope="session")
def openvino(translations: Path) -> OpenVinoRuntime:
    """OpenVINO, which compiles each translation only once here: that takes a second for a U-Net."""
    from worker.runtimes.openvino import OpenVinoRuntime

    class CompilingOnce(OpenVinoRuntime):
        compiled: ClassVar[dict[Path, OpenVinoModel]] = {}

        def _loaded(self, package, entry):
            if entry.folder not in self.compiled:
                self.compiled[entry.folder] = super()._loaded(package, entry)
            return self.compiled[entry.folder]

    return CompilingOnce(translations, threads=1)


@pytest.fixture(params=[*USUAL, OPENVINO])
def runtime(request: pytest.FixtureRequest, translations: Path):
    if request.param == "onnx":
        return OnnxRuntime(translations, threads=1)
    if request.param == "openvino":
        return request.getfixturevalue("openvino")
    return request.getfixturevalue("coreml")
