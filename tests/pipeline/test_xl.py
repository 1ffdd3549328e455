"""Stable Diffusion XL as diffusers draws it, through packages that Apple's converter made of a tiny one.

Recorded by `tools/record_xl.py`. The packages compute in float16 and diffusers in float32.
"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdq_core.errors import ConfigurationError, PackageError
from sdq_core.models import ModelStore, VariantFolder
from sdq_core.models.families import STABLE_DIFFUSION_XL
from sdq_core.values.conditions import Conditions
from sdq_core.values.part_units import PartUnits
from sdq_core.values.safety import Safety
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.choice import PipelineChoice, load_pipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.onnx import OnnxRuntime

GOLDEN = Path(__file__).parent.parent / "golden"
RECORDED = np.load(GOLDEN / "xl" / "drawn.npz")
SAID = json.loads(str(RECORDED["cases"]))
UNITS = PartUnits.all_on(ComputeUnit.ALL)


def placed(models: Path) -> Path:
    """Put the tiny model into a models folder, with its tokenizer."""
    folder = models / "tiny-xl_original_packages"
    shutil.copytree(GOLDEN / "xl", folder)
    shutil.copytree(GOLDEN / "tokenizer", folder / "tokenizer")
    return folder


def found(models: Path) -> VariantFolder:
    return ModelStore(models).find("tiny-xl", AttentionImplementation.ORIGINAL)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> OnnxRuntime:
    return OnnxRuntime(cache_dir=tmp_path_factory.mktemp("cache"), threads=1)


@pytest.fixture(scope="module")
def pipeline(runtime: OnnxRuntime, tmp_path_factory: pytest.TempPathFactory) -> BuiltinPipeline:
    models = tmp_path_factory.mktemp("models")
    placed(models)
    return BuiltinPipeline.load(found(models), runtime, UNITS)


def request(case: dict[str, Any]) -> ImageRequest:
    guided = case["guidance"] > 1
    size, crop = case.get("original_size"), case.get("crop")
    return ImageRequest(
        prompt=SAID["prompt"],
        negative_prompt=case["negative"] or "",
        seed=3,
        num_inference_steps=case["steps"],
        guidance_scale=case["guidance"],
        scheduler=Scheduler.EULER_DISCRETE if guided else Scheduler.EULER_ANCESTRAL_DISCRETE,
        conditions=Conditions(
            original_size=tuple(size) if size else None, crop=tuple(crop) if crop else None
        ),
    )


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    error = np.mean((one.astype(float) - other.astype(float)) ** 2)
    return 10 * math.log10(255**2 / error) if error else math.inf


@pytest.mark.parametrize("name", list(SAID["cases"]))
def test_it_draws_what_diffusers_draws(pipeline: BuiltinPipeline, name: str) -> None:
    drawn = pipeline.draw(request(SAID["cases"][name]), lambda _done, _total: None)
    assert psnr(drawn.pixels, RECORDED[f"{name}.pixels"]) > 40
    for other in SAID["cases"]:
        if other != name:  # or the threshold would tell nothing
            assert psnr(drawn.pixels, RECORDED[f"{other}.pixels"]) < 40
