"""What `worker.runtimes.contract` promises, of every runtime."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from sdq_core.errors import InputMissingError, PackageError
from sdq_core.values.variants import ComputeUnit
from worker.runtimes.onnx import OnnxRuntime

from .conftest import demo_package, inputs_for

OUTPUTS = {
    "text_encoder": {"last_hidden_state", "pooled_outputs"},
    "unet": {"noise_pred"},
    "vae_decoder": {"image"},
    "safety_checker": {"filtered_images", "has_nsfw_concepts", "concept_scores"},
}
#: What another runtime and ONNX Runtime may differ by where they are not the same code; Apple's own threshold.
AGREE_DB = 35


@pytest.mark.parametrize("part", OUTPUTS)
def test_it_runs_every_part_and_agrees_with_the_portable_runtime(runtime, translations, part):
    model = runtime.load(demo_package(part), ComputeUnit.CPU_ONLY)
    given = inputs_for(model)
    results = model(**given)
    assert set(results) == OUTPUTS[part]
    reference = OnnxRuntime(translations, threads=1).load(demo_package(part), ComputeUnit.ALL)
    assert model.expected_inputs == reference.expected_inputs
    for name, expected in reference(**given).items():
        assert results[name].dtype == np.float32
        noise = float(np.sqrt(np.mean((results[name] - expected) ** 2)))
        assert noise == 0 or 20 * np.log10(np.abs(expected).max() / noise) >= AGREE_DB, name


@pytest.mark.parametrize("layout", ["RGB", "BGR"])
def test_an_image_is_given_as_rgb_and_scaled_by_the_network(runtime, tmp_path, layout):
    encoders = pytest.importorskip("tests.quality.encoders")
    encoders.save_image_encoder(tmp_path / "image.mlpackage", layout)
    model = runtime.load(tmp_path / "image.mlpackage", ComputeUnit.CPU_ONLY)
    pixels = np.zeros((1, 3, encoders.SIDE, encoders.SIDE), np.uint8)
    pixels[0, :, :, :] = np.reshape((255, 102, 0), (3, 1, 1))
    colour = np.array((1, 0.4, 0) if layout == "RGB" else (0, 0.4, 1))
    found = model(image=pixels)["final_emb_1"]
    assert np.allclose(found, encoders.COLOURS @ colour, atol=1e-2)


@pytest.mark.parametrize("unit", list(ComputeUnit))
def test_it_takes_every_compute_unit(runtime, unit):
    model = runtime.load(demo_package("text_encoder"), unit)
    assert np.isfinite(model(**inputs_for(model))["last_hidden_state"]).all()


def test_inputs_are_what_apples_pipeline_reads(runtime):
    inputs = runtime.load(demo_package("unet"), ComputeUnit.ALL).expected_inputs
    assert set(inputs) == {"sample", "timestep", "encoder_hidden_states"}
    assert inputs["sample"]["shape"] == (2, 4, 16, 16)
    assert inputs["sample"]["dtype"] == np.float16


def test_a_callers_arrays_and_dict_stay_as_they_are(runtime):
    model = runtime.load(demo_package("vae_decoder"), ComputeUnit.ALL)
    given = inputs_for(model)
    before = given["z"].copy()
    first = model(**given)["image"]
    assert given["z"].dtype == np.float16
    assert np.array_equal(given["z"], before)
    assert np.array_equal(model(**given)["image"], first)


def test_floats_of_any_width_are_rounded_to_the_packages(runtime):
    model = runtime.load(demo_package("vae_decoder"), ComputeUnit.ALL)
    given = inputs_for(model)["z"]
    wide = model(z=given.astype(np.float64))["image"]
    assert np.array_equal(wide, model(z=given)["image"])


def test_a_call_that_does_not_fit_is_refused_by_name(runtime):
    model = runtime.load(demo_package("unet"), ComputeUnit.ALL)
    given = inputs_for(model)
    with pytest.raises(PackageError, match="timestep is missing"):
        model(**{name: array for name, array in given.items() if name != "timestep"})
    with pytest.raises(PackageError, match="mystery is unknown"):
        model(**given, mystery=np.zeros(1, np.float16))
    with pytest.raises(PackageError, match=r"sample as \[2, 4, 16, 16\], not as \[1, 4, 16, 16\]"):
        model(**{**given, "sample": given["sample"][:1]})


def test_what_is_not_there_is_said_to_be_missing(runtime, tmp_path):
    for name in ("nothing.mlpackage", "nothing.mlmodelc"):
        with pytest.raises((InputMissingError, PackageError), match="nothing"):
            runtime.load(tmp_path / name, ComputeUnit.ALL)


@pytest.mark.parametrize("damage", ["manifest", "model", "weights"])
def test_a_damaged_package_fails_when_it_is_loaded(runtime, tmp_path, damage):
    package = tmp_path / "damaged_unet.mlpackage"
    shutil.copytree(demo_package("unet"), package)
    data = package / "Data/com.apple.CoreML"
    if damage == "manifest":
        (package / "Manifest.json").unlink()
    elif damage == "model":
        whole = (data / "model.mlmodel").read_bytes()
        (data / "model.mlmodel").write_bytes(whole[: len(whole) // 2])
    else:
        (data / "weights/weight.bin").write_bytes(b"\0" * 100)
    with pytest.raises(PackageError, match="damaged_unet"):
        runtime.load(package, ComputeUnit.ALL)


def test_weights_replaced_in_place_are_noticed(runtime, tmp_path):
    """The same path and names, other contents: not what was made ready from the former ones."""
    package = tmp_path / "replaced_vae_decoder.mlpackage"
    shutil.copytree(demo_package("vae_decoder"), package)
    before = runtime.load(package, ComputeUnit.ALL)
    given = inputs_for(before)
    shutil.rmtree(package)
    shutil.copytree(demo_package("text_encoder"), package)
    after = runtime.load(package, ComputeUnit.ALL)
    assert set(before.expected_inputs) == {"z"}
    assert set(after.expected_inputs) == {"input_ids"}
    assert np.isfinite(before(**given)["image"]).all()


def test_it_says_what_it_is(runtime):
    assert runtime.name in {"onnx", "openvino", "coreml"}
    assert runtime.versions
    assert all(isinstance(value, str) for value in runtime.versions.values())
