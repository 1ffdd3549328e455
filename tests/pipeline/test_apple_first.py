"""Chosen by itself, Apple's pipeline leaves what it cannot draw to the built-in one, over the same networks."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import test_apple_parity  # noqa: F401 - skips all of this where Apple's package is not installed
from PIL import Image
from test_builtin import quiet, request
from test_controlnet import UNITS, Nets, control_chunks, control_unet, model, use
from test_image_to_image import encoder, keep
from toys import ToyRuntime, parts, variant_folder

from sdq_core.errors import PackageError
from sdq_core.values.conditions import Conditions
from worker.pipelines import choice
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.choice import PipelineChoice, load_pipeline


class Counting(ToyRuntime):
    """Counts how often each package is loaded."""

    def __init__(self, models):
        super().__init__(models)
        self.loads = Counter()

    def load(self, package, compute_unit):
        self.loads[package.stem] += 1
        return super().load(package, compute_unit)


@pytest.fixture
def picture(tmp_path):
    return keep(tmp_path, Image.linear_gradient("L").convert("RGB"))


@pytest.fixture(params=["whole", "chunked"])
def scene(request, tmp_path, monkeypatch):
    """A model with everything; loads it with the pipeline that is chosen."""
    monkeypatch.setattr(choice, "_is_apples_natural_choice", lambda: True)
    listening = {"control-unet": control_unet()} if request.param == "whole" else control_chunks()
    models = {
        **model({"unet": parts()["unet"], **listening}),
        "vae_encoder": encoder(),
    }
    folder = variant_folder(tmp_path / "model", models)
    runtime = Counting(models)
    more = {"inputs": tmp_path / "inputs", "controlnets": Nets()}

    def load(chosen):
        return load_pipeline(chosen, folder, runtime, UNITS, **more)

    return load, runtime, BuiltinPipeline.load(folder, ToyRuntime(models), UNITS, **more)


def test_each_image_is_drawn_by_the_one_that_can_and_nothing_is_loaded_twice(scene, picture):
    load, runtime, builtin = scene
    pipeline = load(PipelineChoice.AUTO)
    assert pipeline.name == "apple"
    for conditions, drawn_by in (
        (Conditions(), "apple"),
        (Conditions(init_image=picture, strength=0.5), "builtin"),
        (Conditions(init_image=picture, strength=0.5, mask=picture), "builtin"),
        (Conditions(controlnets=(use(picture, scale=0.5),)), "builtin"),
        (Conditions(controlnets=(use(picture),)), "apple"),
        (Conditions(controlnets=(use(picture, end=0.5),)), "builtin"),
        (Conditions(weighted=True), "apple"),
    ):
        asked = request(conditions=conditions)
        drawn, expected = pipeline.draw(asked, quiet), builtin.draw(asked, quiet)
        assert drawn.pipeline == drawn_by
        assert expected.pipeline == "builtin"
        assert np.abs(drawn.pixels.astype(int) - expected.pixels).max() <= 1
    assert runtime.loads.pop("net") == 1
    assert set(runtime.loads.values()) == {1}
    assert runtime.loads.keys() == runtime.models.keys() - {"net"}


def test_chosen_by_hand_it_refuses_with_a_sentence_and_loads_nothing_for_it(scene, picture):
    load, runtime, _ = scene
    pipeline = load(PipelineChoice.APPLE)
    with pytest.raises(
        PackageError, match=r"^Apple's pipeline cannot begin with a picture\. Start"
    ):
        pipeline.draw(request(conditions=Conditions(init_image=picture, strength=0.5)), quiet)
    assert "vae_encoder" not in runtime.loads
    assert pipeline.draw(request(), quiet).pipeline == "apple"
