"""The shipped model: every part of both attention variants loads, runs, and says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sdq_core
from sdq_core.values.variants import ComputeUnit
from worker.runtimes.onnx import OnnxRuntime

from .conftest import psnr

ROOT = Path(sdq_core.__file__).parent / "demo_model"
PACKAGES = sorted(ROOT.glob("*/*/*.mlpackage"))
OUTPUTS = {
    "text_encoder": {"last_hidden_state", "pooled_outputs"},
    "unet": {"noise_pred"},
    "vae_decoder": {"image"},
    "vae_encoder": {"latent"},
    "safety_checker": {"filtered_images", "has_nsfw_concepts", "concept_scores"},
    "control-unet": {"noise_pred"},
    "demo-edges": {f"additional_residual_{number}" for number in range(7)},
}
IN_VARIANTS = [part for part in OUTPUTS if part not in {"control-unet", "demo-edges"}]
APPLES_THRESHOLD_DB = 35


def part_of(package: Path) -> str:
    return next(part for part in OUTPUTS if package.stem.endswith(f"_{part}"))


def inputs_for(expected: Any) -> dict[str, np.ndarray]:
    """Inputs of the kind that a pipeline gives, the same for every variant."""
    random = np.random.RandomState(0)
    inputs = {}
    for name, wanted in expected.items():
        array = random.randn(*wanted["shape"])
        if name == "input_ids":
            array = random.randint(0, 500, wanted["shape"])
        elif name == "timestep":
            array = np.full(wanted["shape"], 501)
        elif name == "images":
            array = random.rand(*wanted["shape"])
        inputs[name] = array.astype(wanted["dtype"])
    return inputs


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: f"{p.parts[-3]}-{part_of(p)}")
def test_every_part_runs(package: Path, runtime: OnnxRuntime) -> None:
    model = runtime.load(package, ComputeUnit.ALL)
    inputs = inputs_for(model.expected_inputs)
    results = model(**inputs)
    assert set(results) == OUTPUTS[part_of(package)]
    for name, array in results.items():
        assert array.dtype == np.float32, name
        assert np.isfinite(array).all(), name
    if "noise_pred" in results:
        assert results["noise_pred"].shape == inputs["sample"].shape
    if "image" in results:
        batch, _, height, width = results["image"].shape
        assert (batch, height % 8, width % 8) == (1, 0, 0)


@pytest.mark.parametrize("part", IN_VARIANTS)
def test_attention_variants_agree(part: str, runtime: OnnxRuntime) -> None:
    packages = [package for package in PACKAGES if part_of(package) == part]
    if len(packages) < 2:
        pytest.skip(f"the demo model has no {part} in two variants")
    first, *others = (
        model(**inputs_for(model.expected_inputs))
        for model in (runtime.load(package, ComputeUnit.ALL) for package in packages)
    )
    for other in others:
        for name, array in first.items():
            same = np.array_equal(array, other[name])
            assert same or psnr(array, other[name]) >= APPLES_THRESHOLD_DB, name


def test_the_demo_model_is_there() -> None:
    assert {package.parts[-3] for package in PACKAGES} == {
        "original",
        "split_einsum",
        "turbo",
        "controlnet",
    }
