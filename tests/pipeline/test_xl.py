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

from sdq_core.errors import PackageError
from sdq_core.models import ModelStore, VariantFolder
from sdq_core.models.families import STABLE_DIFFUSION_XL
from sdq_core.models.keep import add
from sdq_core.values.conditions import Conditions
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from tests.mlmodelc.printer import compile_package
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.pipelines.unet import UNet
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


@pytest.fixture(scope="module")
def turbo(runtime: OnnxRuntime, tmp_path_factory: pytest.TempPathFactory) -> BuiltinPipeline:
    models = tmp_path_factory.mktemp("turbo")
    folder = placed(models)
    shutil.rmtree(folder / "scheduler")
    (folder / "turbo").rename(folder / "scheduler")
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
def test_it_draws_what_diffusers_draws(
    pipeline: BuiltinPipeline, turbo: BuiltinPipeline, name: str
) -> None:
    model = turbo if name == "turbo" else pipeline
    drawn = model.draw(request(SAID["cases"][name]), lambda _done, _total: None)
    assert psnr(drawn.pixels, RECORDED[f"{name}.pixels"]) > 50
    for other in SAID["cases"]:
        if other != name:  # or the threshold would tell nothing
            assert psnr(drawn.pixels, RECORDED[f"{other}.pixels"]) < 40


def test_compiled_in_chunks_as_for_ios_it_draws_the_same(
    runtime: OnnxRuntime, tmp_path: Path
) -> None:
    """In the layout of Apple's repository, which has no encoder of pictures."""
    bisect = pytest.importorskip("coremltools.models.utils").bisect_model
    unet = next((GOLDEN / "xl").glob("*_unet.mlpackage"))
    bisect(str(unet), str(tmp_path), check_output_correctness=False)
    folder = tmp_path / "xl-base-ios_split_einsum_compiled"
    packages = {
        "UnetChunk1": tmp_path / f"{unet.stem}_chunk1.mlpackage",
        "UnetChunk2": tmp_path / f"{unet.stem}_chunk2.mlpackage",
        **{
            name: next((GOLDEN / "xl").glob(f"*_{part}.mlpackage"))
            for part, name in (
                ("text_encoder", "TextEncoder"),
                ("text_encoder_2", "TextEncoder2"),
                ("vae_decoder", "VAEDecoder"),
            )
        },
    }
    for name, package in packages.items():
        compile_package(package, folder / f"{name}.mlmodelc")
    for file in ("tokenizer/vocab.json", "tokenizer/merges.txt"):
        shutil.copy(GOLDEN / file, folder)
    shutil.copytree(GOLDEN / "xl" / "scheduler", folder / "scheduler")
    models = tmp_path / "models"
    add(folder, models, name="ios", attention=None, base=None, copy=False, say=print)
    (attention,) = ModelStore(models).attention_implementations("ios")
    chunked = BuiltinPipeline.load(ModelStore(models).find("ios", attention), runtime, UNITS)
    drawn = chunked.draw(request(SAID["cases"]["sizes"]), lambda _done, _total: None)
    assert psnr(drawn.pixels, RECORDED["sizes.pixels"]) > 50


def test_a_flat_list_of_sizes_is_told_as_well(pipeline: BuiltinPipeline) -> None:
    """As the first converter declared it: [12] in place of [2, 6]."""
    unet = pipeline._pieces.unet
    told = pipeline._pieces.conditioner.condition(request(SAID["cases"]["base"]), guided=True)
    (batch,) = told.batches(2)
    given: dict[str, Any] = {}

    class Flat:
        expected_inputs = unet.model.expected_inputs | {
            "time_ids": {"shape": (12,), "dtype": np.dtype(np.float16)}
        }

        def __call__(self, **inputs: Any) -> dict[str, Any]:
            given.update(inputs)
            return {"noise_pred": inputs["sample"]}

    UNet(Flat())(np.zeros((2, 4, 16, 16)), 5.0, batch)
    assert given["time_ids"].tolist() == [128, 128, 0, 0, 128, 128] * 2


def test_its_own_files_decide_on_factor_and_zeros(tmp_path: Path) -> None:
    folder = placed(tmp_path)
    plain = found(tmp_path)
    assert plain.family is STABLE_DIFFUSION_XL
    assert (plain.scaling_factor, plain.zeros_for_empty_prompt) == (0.13025, True)
    (folder / "vae/config.json").write_text('{"scaling_factor": 0.5}')
    (folder / "model_index.json").write_text('{"force_zeros_for_empty_prompt": false}')
    changed = found(tmp_path)
    assert (changed.scaling_factor, changed.zeros_for_empty_prompt) == (0.5, False)
    assert changed.revision != plain.revision
    for name in ("vae/config.json", "model_index.json"):
        (folder / name).unlink()
    bare = found(tmp_path)
    assert (bare.scaling_factor, bare.zeros_for_empty_prompt) == (0.13025, True)


@pytest.mark.parametrize(
    "config", ['{"scaling_factor": 0}', "{}", "[", '{"scaling_factor": 1, "latents_mean": [1]}']
)
def test_a_vae_that_cannot_be_decoded_right_is_refused(tmp_path: Path, config: str) -> None:
    (placed(tmp_path) / "vae/config.json").write_text(config)
    with pytest.raises(PackageError, match=r"vae/config\.json"):
        found(tmp_path)


def test_without_its_second_text_encoder_it_says_so(tmp_path: Path) -> None:
    shutil.rmtree(next(placed(tmp_path).glob("*text_encoder_2.mlpackage")))
    with pytest.raises(
        PackageError, match="is of Stable Diffusion XL, but there is no text_encoder_2"
    ):
        found(tmp_path)


def test_a_refiner_beside_it_is_left_alone_and_alone_is_refused(tmp_path: Path) -> None:
    folder = placed(tmp_path)
    unet = next(folder.glob("*_unet.mlpackage"))
    shutil.copytree(unet, folder / "Stable_Diffusion_version_sdq_tiny-xl_unet_refiner.mlpackage")
    assert found(tmp_path).family is STABLE_DIFFUSION_XL
    shutil.rmtree(unet)
    with pytest.raises(PackageError, match="holds the refiner of Stable Diffusion XL"):
        found(tmp_path)
