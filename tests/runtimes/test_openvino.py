"""What only the OpenVINO runtime does: in what it computes, its failures, and that it is recorded."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdq.doctor.references import references
from sdq_core.errors import ComputeError, ConfigurationError, PackageError
from sdq_core.images.pixels import psnr_db
from sdq_core.values.runtimes import RuntimeChoice
from sdq_core.values.variants import AttentionImplementation, ComputeUnit
from tests.acceptance.program import Program, assert_whole
from worker.runtimes.choice import choose_runtime

from .conftest import HAS_OPENVINO, demo_package, inputs_for

if not HAS_OPENVINO:
    pytest.skip("openvino is not installed", allow_module_level=True)

from worker.runtimes.openvino import OpenVinoRuntime, library


class Compiles:
    """Counts what OpenVINO is asked to compile, and in what it is to compute it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[Path, str]] = []
        load = library.load

        def counted(translation, *, precision, threads):
            self.asked.append((translation, precision))
            return load(translation, precision=precision, threads=threads)

        monkeypatch.setattr(library, "load", counted)


def test_text_encoder_and_safety_checker_are_always_computed_in_float32(translations, monkeypatch):
    monkeypatch.setattr(library, "load", lambda _, precision, threads: (precision, threads))
    runtime = OpenVinoRuntime(translations, threads=3)
    monkeypatch.setattr(library, "fastest_precision", lambda: "bf16")
    used = {
        part: runtime.load(demo_package(part), ComputeUnit.ALL)._request
        for part in ("text_encoder", "unet", "vae_decoder", "safety_checker")
    }
    assert used == {
        "text_encoder": ("f32", 3),
        "unet": ("bf16", 3),
        "vae_decoder": ("bf16", 3),
        "safety_checker": ("f32", 3),
    }
    assert runtime.versions["computed_in"] == "bf16"


def test_a_processor_without_bfloat16_computes_in_float32(monkeypatch):
    class Core:
        def __init__(self, usual, can):
            self.known = {"INFERENCE_PRECISION_HINT": usual, "OPTIMIZATION_CAPABILITIES": can}

        def get_property(self, _, name):
            return self.known[name]

    types = sys.modules["openvino"].Type
    for usual, can, fastest in (
        (types.bf16, ["BF16", "FP32"], "bf16"),
        (types.f16, ["BF16", "FP16", "FP32"], "bf16"),
        (types.f32, ["BF16", "FP32"], "f32"),  # emulated
        (types.f16, ["FP16", "FP32"], "f32"),
    ):
        core = Core(usual, can)
        monkeypatch.setattr(library, "_core", lambda core=core: core)
        assert library.fastest_precision() == fastest


def test_a_failure_in_the_middle_is_retryable_and_names_the_model(openvino, monkeypatch):
    class Fails:
        def infer(self, *_, **__):
            raise RuntimeError(
                "Exception from src/inference/src/infer_request.cpp:224:\n[ ENOMEM ]\n"
            )

    model = openvino.load(demo_package("text_encoder"), ComputeUnit.ALL)
    monkeypatch.setattr(model, "_request", Fails())
    with pytest.raises(ComputeError, match=r"ran \S*text_encoder\.mlpackage: .*ENOMEM") as failure:
        model(**inputs_for(model))
    assert failure.value.retryable
    assert "\n" not in str(failure.value)


def test_a_translation_that_does_not_load_is_made_anew_once(tmp_path, monkeypatch):
    runtime, package = OpenVinoRuntime(tmp_path, threads=1), demo_package("text_encoder")
    runtime.load(package, ComputeUnit.ALL)
    (translation,) = tmp_path.iterdir()
    whole = translation / "model.onnx"
    whole.write_bytes(b"\xff" * whole.stat().st_size)
    compiles = Compiles(monkeypatch)
    model = runtime.load(package, ComputeUnit.ALL)
    assert np.isfinite(model(**inputs_for(model))["last_hidden_state"]).all()
    assert compiles.asked == [(whole, "f32")] * 2


def test_a_network_that_openvino_never_loads_is_refused_after_two_tries(tmp_path, monkeypatch):
    monkeypatch.setattr(library, "_DEVICE", "NONE")
    compiles = Compiles(monkeypatch)
    runtime = OpenVinoRuntime(tmp_path, threads=1)
    with pytest.raises(PackageError, match=r"OpenVINO does not load the translation of") as caught:
        runtime.load(demo_package("text_encoder"), ComputeUnit.ALL)
    assert len(compiles.asked) == 2
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("and report this.")


def test_what_reports_the_use_of_openvino_is_never_loaded(openvino):
    assert sys.modules["openvino_telemetry"] is None


def test_a_machine_without_openvino_is_told_what_to_install(monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.startswith("worker.runtimes.openvino")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(
        ConfigurationError, match=r"needs openvino.*`pip install 'sdq\[openvino\]'`"
    ):
        choose_runtime(cache=tmp_path, threads=None, choice=RuntimeChoice.OPENVINO)


def test_it_draws_where_it_is_chosen_and_the_row_says_so(program: Program) -> None:
    """The doctor's reference picture, which ONNX Runtime drew; in bfloat16 it comes within 47 dB or more."""
    reference = references()[AttentionImplementation.ORIGINAL][0]
    recipe = reference.recipe
    options = {
        "--prompt": recipe.prompt,
        "--seed": reference.seed,
        "--steps": recipe.num_inference_steps,
        "--guidance-scale": recipe.guidance_scale,
        "--scheduler": recipe.scheduler,
        "--variant": "original",
        "--batch": "b",
    }
    given = [str(word) for pair in options.items() for word in pair]
    program.call("run", *given, SDQ_RUNTIME="openvino")
    (image,) = program.drawn("b")
    assert image.recipe == recipe
    assert image.engine.runtime == "openvino"
    assert image.engine.versions["openvino"] == library.versions()["openvino"]
    assert image.engine.versions["computed_in"] == library.fastest_precision()
    assert image.engine.part_units == {}
    assert_whole(program.home, [image], 1)
    with Image.open(program.home / "outputs" / image.image.path) as picture:
        assert psnr_db(reference.picture, picture.convert("RGB")) > 40
