"""Images of other tools are drawn with their tool's noise where that is known; otherwise that is said."""

from __future__ import annotations

import json

import pytest

from producer.changes import Changes
from producer.foreign.differences import Differences
from producer.foreign.models_here import ModelsHere, Shape
from producer.foreign.readers import read_foreign
from producer.foreign.translation import Translation
from producer.planning.defaults import Defaults
from producer.reading.prompt_line import PromptLine
from sdq_core.values.rng import Rng
from tests.rerun import foreign_files as files

INFOTEXT = files.PLAIN_INFOTEXT


def comfy(sampler: str, *, kind: str = "KSampler", pictures: int = 1) -> dict[str, str]:
    graph = json.loads(json.dumps(files.COMFY_PROMPT, default=str))
    del graph["11"], graph["12"]
    graph["13"]["inputs"]["samples"] = ["3", 0]
    graph["3"]["class_type"] = kind
    graph["3"]["inputs"] |= {"sampler_name": sampler, "scheduler": "normal"}
    graph["5"]["inputs"]["batch_size"] = pictures
    return {"prompt": json.dumps(graph)}


def infotext(more: str) -> dict[str, str]:
    return {"parameters": INFOTEXT.replace("Version: v1.9.0", more)}


def draw_things(**more: object) -> dict[str, str]:
    return {"xmp:UserComment": json.dumps(files.DRAW_THINGS | more)}


def invoke(**more: object) -> dict[str, str]:
    return {"invokeai_metadata": json.dumps(files.INVOKE_METADATA | more)}


def translated(texts: dict[str, str], changes: tuple[str, ...] = ()) -> tuple[PromptLine, set[str]]:
    differences = Differences()
    translation = Translation(
        ModelsHere(["demo"], lambda _: Shape(width=128, height=128)),
        Defaults(model="demo", variants=None, compute_unit=None),
        named_model=False,
        changes=Changes(changes),
        differences=differences,
    )
    problems: list[str] = []
    line = translation.line(read_foreign(texts), "a.png", problems)
    assert line is not None, problems
    return line, {str(kind["kind"]) for kind in differences.to_list()}


@pytest.mark.parametrize(
    ("texts", "rng", "noise"),
    [
        (infotext("RNG: CPU, Version: v1.9.0"), Rng.TORCH, None),
        (infotext("RNG: NV, Version: v1.9.0"), Rng.NVIDIA, None),
        (infotext("Version: v1.9.0"), Rng.NVIDIA, "guessed_noise"),
        (infotext("RNG: std_default, Version: stable-diffusion.cpp"), None, "noise"),
        (infotext("Version: ComfyUI"), Rng.TORCH, "step_noise"),  # Euler a
        (infotext("Version: sdq 0.1.0"), Rng.NUMPY, None),
        (infotext("RNG: NV, Version: sdq 0.2.0"), Rng.NVIDIA, None),
        (comfy("euler"), Rng.TORCH, None),
        (comfy("euler_ancestral"), Rng.TORCH, "step_noise"),
        (comfy("euler", kind="SomeSampler"), None, "noise"),
        (invoke(rand_device="cpu", scheduler="euler"), Rng.TORCH, None),
        (invoke(rand_device="cuda", scheduler="euler"), Rng.NVIDIA, None),
        (invoke(rand_device="mps", scheduler="euler"), None, "noise"),
        (draw_things(), None, "noise"),
        (draw_things(seed_mode="NVIDIA GPU Compatible", sampler="DDIM"), Rng.NVIDIA, None),
        (draw_things(seed_mode=1, sampler="DDIM"), Rng.TORCH, None),
    ],
)
def test_what_made_the_noise_is_taken_over(
    texts: dict[str, str], rng: Rng | None, noise: str | None
) -> None:
    line, lost = translated(texts)
    assert line.rng == rng
    assert lost & {"guessed_noise", "step_noise", "noise"} == ({noise} if noise else set())
    assert "other" not in lost


def test_torchs_noise_loses_nothing_of_a_long_seed() -> None:
    line, lost = translated(comfy("euler"))
    assert "long_seed" not in lost
    assert (line.seeds, line.meta["rerun"]["seed"]) == (range(1), 2**50)  # type: ignore[index, call-overload]
    assert "long_seed" in translated(comfy("euler", kind="SomeSampler"))[1]


def test_of_several_pictures_of_one_generator_only_the_first_is_known() -> None:
    assert "other" in translated(comfy("euler", pictures=4))[1]


def test_who_chooses_the_noise_is_told_nothing_of_it() -> None:
    _, lost = translated(infotext("Version: v1.9.0"), ("rng=torch",))
    assert "guessed_noise" not in lost


def test_weights_are_told_of_unless_they_count() -> None:
    texts = {"parameters": files.INFOTEXT}
    assert "syntax" in translated(texts)[1]
    assert "syntax" not in translated(texts, ("weighted=true",))[1]
    own = infotext("Version: sdq 0.2.0, sdq weighted: true")
    assert translated(own)[0].weighted is True
