"""The shipped demo model draws what it is told: time, ground, object, colour and position, judged by pixels alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sdq_core.models import DEMO, ModelStore
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.onnx import OnnxRuntime

Draw = Callable[[str], NDArray[np.float64]]


@pytest.fixture(
    scope="module",
    params=[AttentionImplementation.ORIGINAL, AttentionImplementation.SPLIT_EINSUM],
    ids=str,
)
def draw(request: pytest.FixtureRequest, translations: Path) -> Draw:
    """Draw a prompt with two seeds; float64 [2, height, width, 3], 0 to 255."""
    folder = ModelStore(translations / "no-models").find(DEMO, request.param)
    runtime = OnnxRuntime(translations, threads=None)
    pipeline = BuiltinPipeline.load(folder, runtime, PartUnits.all_on(ComputeUnit.ALL))

    def drawn(prompt: str) -> NDArray[np.float64]:
        requests = (
            ImageRequest(
                prompt=prompt,
                negative_prompt="",
                seed=seed,
                num_inference_steps=8,
                guidance_scale=7.5,
                scheduler=Scheduler.DPM_SOLVER_MULTISTEP,
            )
            for seed in (1, 2)
        )
        pictures = [pipeline.draw(r, lambda _done, _total: None).pixels for r in requests]
        return np.stack(pictures).astype(float)

    return drawn


def mean_colours(
    pictures: NDArray[np.float64], top: float, bottom: float
) -> list[tuple[float, ...]]:
    """Give each picture's mean red, green and blue between two heights, 0 the top and 1 the bottom."""
    rows = pictures.shape[1]
    band = pictures[:, round(top * rows) : round(bottom * rows)]
    return [tuple(colour) for colour in band.mean(axis=(1, 2))]


def stronger(pictures: NDArray[np.float64], channel: int) -> NDArray[np.float64]:
    """Give how much of each column is clearly of one primary colour: [pictures, width]."""
    others = np.delete(pictures, channel, axis=-1).max(axis=-1)
    return (pictures[..., channel] - others > 60).mean(axis=1)


def test_the_time_of_day(draw: Draw) -> None:
    day, night = (
        draw("the sea by day under a clear sky"),
        draw("the sea at night under a clear sky"),
    )
    for light, dark in zip(day, night, strict=True):
        assert light.mean() > dark.mean() + 60
    for red, _, blue in mean_colours(day, 0, 0.4):
        assert blue > red + 30
    for red, _, blue in mean_colours(draw("a desert at sunset under a clear sky"), 0.2, 0.5):
        assert red > blue + 30


def test_the_ground(draw: Draw) -> None:
    for red, green, blue in mean_colours(draw("a meadow by day"), 0.8, 1):
        assert green > red + 10
        assert green > blue + 30
    for red, _, blue in mean_colours(draw("the sea by day"), 0.8, 1):
        assert blue > red + 40
    for red, green, blue in mean_colours(draw("a desert by day"), 0.8, 1):
        assert red > green > blue + 20
    for colour in mean_colours(draw("snow by day"), 0.8, 1):
        assert min(colour) > 190


@pytest.mark.parametrize(
    ("colour", "channel", "where"),
    # where nothing else is of that colour
    [("red", 0, "a meadow by day"), ("blue", 2, "a desert at sunset")],
)
def test_an_object_its_colour_and_its_place(
    draw: Draw, colour: str, channel: int, where: str
) -> None:
    left, right = (
        stronger(draw(f"a {colour} house on the {side} in {where} under a clear sky"), channel)
        for side in ("left", "right")
    )
    half = left.shape[1] // 2
    for columns in left:
        assert columns[:half].sum() > 1
        assert columns[:half].sum() > 4 * columns[half:].sum()
    for columns in right:
        assert columns[half:].sum() > 1
        assert columns[half:].sum() > 4 * columns[:half].sum()


def test_seeds_vary_the_picture(draw: Draw) -> None:
    first, second = draw("the mountains by day under a cloudy sky")
    assert np.abs(first - second).mean() > 4
