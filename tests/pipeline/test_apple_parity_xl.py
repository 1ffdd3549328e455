"""Both pipelines draw the same images of Stable Diffusion XL, and diffusers' too: over the tiny model of `test_xl`."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from test_apple_parity import Recording, chunked, inputs_of, quiet
from test_xl import RECORDED, SAID, UNITS, found, placed, psnr, request

from sdq_core.values.conditions import Conditions
from sdq_core.values.rng import Rng
from sdq_core.values.variants import Scheduler
from worker.pipelines.apple import ApplePipeline
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.unet import UNet
from worker.runtimes.onnx import OnnxRuntime


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory):
    """Base and Turbo -> (built-in, Apple's), each with the logs of its networks."""
    runtime = OnnxRuntime(cache_dir=tmp_path_factory.mktemp("cache"), threads=1)

    def pair(folder):
        return [
            (recording := Recording(runtime), pipeline.load(folder, recording, UNITS))
            for pipeline in (BuiltinPipeline, ApplePipeline)
        ]

    base, turbo, chunks = (tmp_path_factory.mktemp(name) for name in ("base", "turbo", "chunks"))
    placed(base)
    folder = placed(turbo)
    shutil.rmtree(folder / "scheduler")
    (folder / "turbo").rename(folder / "scheduler")
    return {
        "base": pair(found(base)),
        "turbo": pair(found(turbo)),
        "chunked": pair(chunked(found(base), chunks)),
    }


def both(pair, asked):
    """Draw with both pipelines; return the images, and what reached the U-Net and the VAE decoder."""
    drawn, seen = [], []
    for recording, pipeline in pair:
        for log in recording.logs.values():
            log.clear()
        drawn.append(pipeline.draw(asked, quiet))
        names = ("sample", "encoder_hidden_states", "text_embeds", "time_ids")
        seen.append(
            {name: inputs_of(recording.logs, "unet", name) for name in names}
            | {"z": inputs_of(recording.logs, "vae_decoder", "z")}
        )
    return drawn, seen


@pytest.mark.parametrize("name", list(SAID["cases"]))
def test_both_draw_what_diffusers_draws(pipelines, name):
    asked = request(SAID["cases"][name])
    (builtin, apple), seen = both(pipelines["turbo" if name == "turbo" else "base"], asked)
    for told in ("encoder_hidden_states", "text_embeds", "time_ids"):
        assert np.array_equal(seen[0][told], seen[1][told]), told
    assert np.array_equal(seen[0]["sample"][0], seen[1]["sample"][0])
    assert np.allclose(seen[0]["z"], seen[1]["z"], rtol=1e-6)
    assert psnr(apple.pixels, RECORDED[f"{name}.pixels"]) > 55
    assert np.abs(builtin.pixels.astype(int) - apple.pixels).max() <= 1
    assert apple.num_unet_calls == builtin.num_unet_calls == len(seen[1]["sample"])


@pytest.mark.parametrize("scheduler", list(Scheduler))
@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "a dog! a (cat:1.3) " * 20, "conditions": Conditions(weighted=True)},
        {"prompt": "two cats!", "negative_prompt": "a dog! " * 40, "rng": Rng.NVIDIA},
        {"guidance_scale": 1.0, "conditions": Conditions(crop=(16, 32))},
    ],
    ids=["weighted", "long", "unguided"],
)
def test_both_draw_the_same(pipelines, scheduler, changes):
    asked = replace(request(SAID["cases"]["base"]), scheduler=scheduler, **changes)
    (builtin, apple), seen = both(pipelines["base"], asked)
    for told in ("encoder_hidden_states", "text_embeds", "time_ids"):
        assert np.array_equal(seen[0][told], seen[1][told]), told
    assert np.abs(builtin.pixels.astype(int) - apple.pixels).max() <= 1
    assert apple.truncated_tokens == builtin.truncated_tokens


@pytest.mark.parametrize("name", list(SAID["cases"]))
def test_a_u_net_in_chunks_draws_what_the_whole_one_draws(pipelines, name):
    asked = request(SAID["cases"][name])
    for (_, whole), (recording, chunks) in zip(
        pipelines["base"], pipelines["chunked"], strict=True
    ):
        drawn = chunks.draw(asked, quiet)
        assert drawn.pipeline == chunks.name
        assert np.abs(drawn.pixels.astype(int) - whole.draw(asked, quiet).pixels).max() <= 1
        assert {name.rpartition("_")[2] for name, log in recording.logs.items() if log} >= {
            "chunk1.mlpackage",
            "chunk2.mlpackage",
        }


def test_a_flat_list_of_sizes_is_told_as_well(pipelines):
    """As the first converter declared it: [12] in place of [2, 6]."""
    _, pipeline = pipelines["base"][1]
    unet = pipeline.pieces.unet
    given = []

    class Flat:
        expected_inputs = unet.model.expected_inputs | {
            "time_ids": {"shape": (12,), "dtype": np.dtype(np.float16)}
        }

        def __call__(self, time_ids, **inputs):
            given.append(time_ids)
            return unet.model(time_ids=time_ids.reshape(2, 6), **inputs)

    flat = ApplePipeline(
        replace(pipeline.pieces, unet=UNet(Flat())), pipeline.folder, pipeline.tokenizers
    )
    for scale in (7.5, 1.0):
        asked = replace(request(SAID["cases"]["sizes"]), guidance_scale=scale)
        drawn = flat.draw(asked, quiet)
        assert np.array_equal(drawn.pixels, pipeline.draw(asked, quiet).pixels)
    assert {one.shape for one in given} == {(12,)}
