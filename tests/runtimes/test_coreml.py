"""What only the Core ML runtime does: compiling once, fixed paths, hints, compiled models, failures of Core ML."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from sdq_core.errors import ComputeError, PackageError
from sdq_core.models import network
from sdq_core.values.variants import ComputeUnit
from worker.runtimes.coreml import CoreMLRuntime
from worker.runtimes.coreml.features import inputs_of
from worker.runtimes.onnx import OnnxRuntime

from . import native
from .conftest import ON_A_MAC, SYSTEM, demo_package, inputs_for
from .native import NativeModel

counts_native_calls = pytest.mark.skipif(ON_A_MAC, reason="counts the stand-in's calls")


@counts_native_calls
def test_a_package_is_compiled_once_and_always_loaded_from_one_path(coreml, tmp_path):
    for unit in (ComputeUnit.CPU_AND_NE, ComputeUnit.CPU_AND_GPU):
        coreml.load(demo_package("vae_decoder"), unit)
    again = CoreMLRuntime(cache_dir=tmp_path / "compiled", system=SYSTEM)
    again.load(demo_package("vae_decoder"), ComputeUnit.CPU_AND_NE)
    assert len(NativeModel.compiled) == 1
    (path,) = {path for path, _, _ in NativeModel.loaded}
    assert Path(path).parent == tmp_path / "compiled"
    assert [unit for _, unit, _ in NativeModel.loaded] == [
        "CPU_AND_NE",
        "CPU_AND_GPU",
        "CPU_AND_NE",
    ]


@counts_native_calls
def test_two_at_once_compile_once(coreml, tmp_path):
    def load(_):
        runtime = CoreMLRuntime(cache_dir=tmp_path / "compiled", system=SYSTEM)
        return runtime.load(demo_package("text_encoder"), ComputeUnit.ALL)

    with ThreadPoolExecutor(2) as pool:
        assert len(list(pool.map(load, range(2)))) == 2
    assert len(NativeModel.compiled) == 1
    assert not list((tmp_path / "compiled").glob(".partial-*"))


@counts_native_calls
def test_an_update_of_macos_compiles_anew(coreml, tmp_path):
    coreml.load(demo_package("vae_decoder"), ComputeUnit.ALL)
    newer = CoreMLRuntime(cache_dir=tmp_path / "compiled", system="macOS 15.2 (24C101)")
    newer.load(demo_package("vae_decoder"), ComputeUnit.ALL)
    assert len(NativeModel.compiled) == 2


@counts_native_calls
def test_only_the_unet_is_prepared_for_fast_prediction_and_only_where_macos_can(
    coreml, tmp_path, translations, monkeypatch
):
    for part in ("unet", "vae_decoder"):
        coreml.load(demo_package(part), ComputeUnit.ALL)
    hints = [hints for _, _, hints in NativeModel.loaded]
    assert hints == [{"specializationStrategy": "FastPrediction"}, {}]
    native.install(monkeypatch, translations, macos="14.7")
    coreml.load(demo_package("unet"), ComputeUnit.ALL)
    assert NativeModel.loaded[-1][2] == {}


@counts_native_calls
def test_a_damaged_compiled_model_is_compiled_again(coreml, tmp_path):
    coreml.load(demo_package("vae_decoder"), ComputeUnit.ALL)
    (compiled,) = (tmp_path / "compiled").glob("*.mlmodelc")
    (compiled / "coremldata.bin").unlink()
    model = coreml.load(demo_package("vae_decoder"), ComputeUnit.ALL)
    assert np.isfinite(model(**inputs_for(model))["image"]).all()
    assert len(NativeModel.compiled) == 2


@counts_native_calls
def test_a_failure_in_the_middle_is_retryable_and_keeps_the_models_name(coreml):
    model = coreml.load(demo_package("vae_decoder"), ComputeUnit.ALL)
    NativeModel.fails_with = RuntimeError("Error computing NN outputs.")
    with pytest.raises(ComputeError, match=r"vae_decoder.*Error computing NN outputs") as failure:
        model(**inputs_for(model))
    assert failure.value.retryable
    assert np.isfinite(model(**inputs_for(model))["image"]).all()


def compiled_model(coreml, tmp_path) -> Path:
    """A compiled model as the Hub has it: under its own name, away from the cache."""
    coreml.load(demo_package("unet"), ComputeUnit.ALL)
    (made,) = (tmp_path / "compiled").glob("*.mlmodelc")
    return Path(shutil.copytree(made, tmp_path / "hub" / "Unet.mlmodelc"))


def test_a_compiled_model_is_loaded_as_it_is(coreml, tmp_path, translations):
    folder = compiled_model(coreml, tmp_path)
    model = coreml.load(folder, ComputeUnit.ALL)
    package = OnnxRuntime(translations, threads=1).load(demo_package("unet"), ComputeUnit.ALL)
    assert model.expected_inputs == package.expected_inputs
    assert np.isfinite(model(**inputs_for(model))["noise_pred"]).all()
    if not ON_A_MAC:
        assert NativeModel.loaded[-1][0] == str(folder)


@pytest.mark.parametrize(
    "shape",
    [
        "__import__('pathlib').Path('{mark}').touch()",
        "[2, 4, 16, __import__('os').system('touch {mark}')]",
        "[2, 4, -1, 16]",
        "[]",
        "4",
        "[" * 100_000,
        "[true, 4]",
    ],
)
def test_what_a_compiled_model_says_of_itself_is_never_evaluated(tmp_path, shape, monkeypatch):
    monkeypatch.setattr(network, "HAS_CORE_ML", True)
    folder, mark = tmp_path / "Unet.mlmodelc", tmp_path / "mark"
    folder.mkdir()
    schema = [
        {"name": "sample", "dataType": "Float16", "shape": shape.replace("{mark}", str(mark))}
    ]
    (folder / "metadata.json").write_text(json.dumps([{"inputSchema": schema}]))
    with pytest.raises(PackageError, match=r"Unet\.mlmodelc: input 'sample' is not"):
        inputs_of(folder)
    assert not mark.exists()


def test_a_half_downloaded_compiled_model_fails_when_it_is_loaded(coreml, tmp_path):
    folder = compiled_model(coreml, tmp_path)
    (folder / "coremldata.bin").unlink()
    with pytest.raises(PackageError, match=r"Unet\.mlmodelc"):
        coreml.load(folder, ComputeUnit.ALL)
    (folder / "metadata.json").unlink()
    with pytest.raises(PackageError, match=r"has no metadata\.json"):
        coreml.load(folder, ComputeUnit.ALL)
