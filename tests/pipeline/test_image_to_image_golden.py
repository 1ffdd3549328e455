"""Whole images from pictures are those of diffusers; recorded by `tools/record_image_to_image.py`."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest
from PIL import Image
from test_builtin import quiet
from test_image_to_image import keep
from toys import GOLDEN

from sdq_core.models import ModelStore
from sdq_core.values.conditions import Conditions
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.onnx import OnnxRuntime

HERE = GOLDEN / "image_to_image"
#: Decibels. They were 63.2 to 65.6, and pictures of two cases at most 51.1.
AGREES = 58

with np.load(HERE / "drawn.npz") as recorded:
    DRAWN = dict(recorded)
GIVEN = json.loads(str(DRAWN.pop("cases")))
del DRAWN["versions"]


def psnr(one, other):
    return 20 * np.log10(255 / np.sqrt(np.mean((one.astype(float) - other) ** 2)))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The tiny Stable Diffusion 1 of ControlNets with its VAE encoder, on the portable runtime."""
    root = tmp_path_factory.mktemp("tiny")
    model = root / "models" / "tiny"
    model.mkdir(parents=True)
    beside = GOLDEN / "controlnet"
    for package in (*beside.glob("Stable*.mlpackage"), *HERE.glob("*.mlpackage")):
        (model / package.name).symlink_to(package)
    (model / "scheduler").symlink_to(beside / "scheduler")
    (model / "tokenizer").symlink_to(GOLDEN / "tokenizer")
    pictures = [keep(root, Image.open(HERE / f"{name}.png")) for name in ("picture", "mask")]
    pipeline = BuiltinPipeline.load(
        ModelStore(root / "models").find("tiny", AttentionImplementation.ORIGINAL),
        OnnxRuntime(cache_dir=root / "cache", threads=1),
        PartUnits.all_on(ComputeUnit.ALL),
        inputs=root / "inputs",
    )
    return pipeline, *pictures


@pytest.mark.parametrize("case", GIVEN["cases"])
def test_pictures_are_those_of_diffusers(tiny, case):
    pipeline, picture, mask = tiny
    scheduler, steps, guidance_scale, strength, eta, masked = GIVEN["cases"][case]
    drawn = pipeline.draw(
        ImageRequest(
            prompt=GIVEN["prompt"],
            negative_prompt=GIVEN["negative_prompt"],
            seed=GIVEN["seed"],
            num_inference_steps=steps,
            guidance_scale=guidance_scale,
            scheduler=Scheduler(scheduler),
            conditions=Conditions(
                init_image=picture, strength=strength, mask=mask if masked else None, eta=eta
            ),
        ),
        quiet,
    )
    assert psnr(drawn.pixels, DRAWN[case]) > AGREES


def test_every_recorded_picture_is_another():
    nearest = max(psnr(DRAWN[one], DRAWN[other]) for one, other in combinations(DRAWN, 2))
    assert nearest < AGREES - 5
