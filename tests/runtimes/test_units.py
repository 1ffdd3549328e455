"""Which compute units make a difference here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sdq_core.models import DEMO, ModelStore
from sdq_core.values.part_units import PartUnits
from sdq_core.values.recipes import DEFAULT_SCHEDULER
from sdq_core.values.variants import AttentionImplementation, ComputeUnit
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.choice import choose_runtime

from . import native
from .conftest import USUAL

REQUEST = ImageRequest(
    prompt="the sea at night", negative_prompt="", seed=1, num_inference_steps=2,
    guidance_scale=3.5, scheduler=DEFAULT_SCHEDULER,
)  # fmt: skip


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac draws with Core ML")
def test_one_stands_for_all_on_the_portable_runtime() -> None:
    assert choose_runtime(cache=Path(), threads=None).distinct_units == (ComputeUnit.ALL,)


def test_core_ml_tells_all_of_them_apart(coreml, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert choose_runtime(cache=Path(), threads=None).distinct_units == tuple(ComputeUnit)


@pytest.mark.parametrize("runtime", USUAL, indirect=True)
def test_parts_run_together_on_different_units(runtime, translations: Path) -> None:
    folder = ModelStore(translations).find(DEMO, AttentionImplementation.SPLIT_EINSUM)
    units = PartUnits(
        text_encoder=ComputeUnit.CPU_ONLY,
        unet=ComputeUnit.CPU_AND_NE,
        vae_decoder=ComputeUnit.CPU_AND_GPU,
        vae_encoder=ComputeUnit.CPU_ONLY,
        controlnet=ComputeUnit.CPU_ONLY,
        safety_checker=ComputeUnit.CPU_ONLY,
    )
    pipeline = BuiltinPipeline.load(folder, runtime, units)
    drawn = pipeline.draw(REQUEST, lambda done, total: None)
    assert drawn.pixels.std() > 10
    if runtime.name == "coreml" and sys.platform != "darwin":
        loaded = [
            (Path(path).stem.split("_demo_")[-1].split("-")[0], unit)
            for path, unit, _ in native.NativeModel.loaded
        ]
        assert loaded == [
            ("text_encoder", "CPU_ONLY"),
            ("unet", "CPU_AND_NE"),
            ("vae_decoder", "CPU_AND_GPU"),
            ("safety_checker", "CPU_ONLY"),
        ]
