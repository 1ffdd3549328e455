"""A ControlNet that ends its engine when it is loaded, long after the rest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from PIL import Image

from sdq_core.errors import EngineDiedError
from sdq_core.inputs.store import InputStore, Picture
from sdq_core.models import ModelStore
from sdq_core.models.controlnet import ControlNets
from sdq_core.values.conditions import Conditions, ControlNetUse
from sdq_core.values.part_units import Part, UnitRules
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from tests.tiny_controlnet import put_tiny_models
from tests.units.double import install
from worker.engine.handle import Deadlines, Engine, Suspect
from worker.engine.messages import Launch
from worker.pipelines.contract import ImageRequest


def test_its_unit_is_to_blame_and_the_next_one_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_tiny_models(tmp_path / "models")
    nets = ControlNets(tmp_path / "models")
    Image.new("RGB", (96, 64), "green").save(tmp_path / "map.png")
    image = hashlib.sha256((tmp_path / "map.png").read_bytes()).hexdigest()
    store = InputStore(tmp_path / "inputs")
    store.keep(Picture(sha256=image, suffix=".png", name="map.png", path=tmp_path / "map.png"))
    install(monkeypatch, tmp_path / "double").plan({"ControlNet_sdq_edges ALL": "load SIGABRT"})
    use = ControlNetUse(name="sdq_edges", revision=nets.find("sdq_edges").revision, image=image)

    def engine(rules: UnitRules) -> Engine:
        launch = Launch(
            folder=ModelStore(tmp_path / "models").find("tiny", AttentionImplementation.ORIGINAL),
            compute_unit=ComputeUnit.ALL, cache=tmp_path / "cache", threads=1, rules=rules,
            inputs=store.folder, controlnets=nets,
        )  # fmt: skip
        started = Engine(launch, Deadlines())
        started.wait_until_ready()
        return started

    def request(*uses: ControlNetUse) -> ImageRequest:
        return ImageRequest(
            prompt="a", negative_prompt="", seed=1, num_inference_steps=1, guidance_scale=5.0,
            scheduler=Scheduler.DDIM, conditions=Conditions(controlnets=uses),
        )  # fmt: skip

    first = engine(UnitRules())
    first.draw(request())
    with pytest.raises(EngineDiedError):
        first.draw(request(use))
    assert first.is_loading
    assert first.suspect == Suspect(Part.CONTROLNET, ComputeUnit.ALL)
    next_one = engine(UnitRules(failed={Part.CONTROLNET: frozenset({ComputeUnit.ALL})}))
    try:
        next_one.draw(request(use))
        assert next_one.ready is not None
        assert next_one.ready.units is not None
        assert next_one.ready.units.controlnet is ComputeUnit.CPU_AND_GPU
    finally:
        next_one.close()
