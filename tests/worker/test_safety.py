"""`--safety` from the command to the file: what is checked, recorded and shown of a picture that is flagged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from db.values import FinishedImage
from sdq_core.models import DEMO, ModelStore
from sdq_core.values.part_units import PartUnits
from sdq_core.values.recipes import DEFAULT_SCHEDULER
from sdq_core.values.variants import AttentionImplementation, ComputeUnit
from tests.acceptance.program import Program, assert_whole
from tests.translations import with_translations
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.quality.measures import measure
from worker.runtimes.onnx import OnnxRuntime

STEPS = 5
HARMLESS = "the sea at night"


@pytest.fixture(scope="module")
def tent(translations: Path) -> tuple[str, int]:
    """A prompt and a seed of which the demo model draws a purple tent that its checker finds."""
    folder = ModelStore(translations / "none").find(DEMO, AttentionImplementation.ORIGINAL)
    runtime = OnnxRuntime(translations, threads=1)
    pipeline = BuiltinPipeline.load(folder, runtime, PartUnits.all_on(ComputeUnit.ALL))
    for seed in range(20):
        for prompt in ("a purple tent", "a purple tent in a meadow by day"):
            drawn = pipeline.draw(
                ImageRequest(
                    prompt=prompt,
                    negative_prompt="",
                    seed=seed,
                    num_inference_steps=STEPS,
                    guidance_scale=7.5,
                    scheduler=DEFAULT_SCHEDULER,
                ),
                lambda _done, _total: None,
            )
            if drawn.nsfw_flagged:
                return prompt, seed
    raise AssertionError("no picture of a purple tent is flagged: has the demo model changed?")


def draw(program: Program, tent: tuple[str, int], safety: str) -> dict[str, FinishedImage]:
    """Draw a tent that is flagged and a sea that is not; give them by prompt."""
    prompt, seed = tent
    program.call(
        "run", "--prompt", prompt, "--prompt", HARMLESS, "--seed", str(seed), "--steps", str(STEPS),
        "--batch", "b", "--safety", safety,
    )  # fmt: skip
    images = program.drawn("b")
    assert_whole(program.home, images, 2)
    assert {image.attempts for image in images} == {1}, "nothing was taken for broken"
    return {image.recipe.prompt: image for image in images}


def shown(program: Program, image: FinishedImage) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    """Give a file's pixels and what its record says of safety."""
    with Image.open(program.home / "outputs" / image.image.path) as picture:
        record = json.loads(picture.info["sdq"])
        return np.asarray(picture), record["provenance"]["safety"]


def test_flagged_pictures_are_left_alone_recorded_blurred_or_black(
    tmp_path: Path, translations: Path, tent: tuple[str, int]
) -> None:
    pixels: dict[str, dict[str, np.ndarray[Any, Any]]] = {}
    for safety in ("off", "flag", "blur", "black"):
        program = Program(with_translations(tmp_path / safety, translations))
        try:
            images = draw(program, tent, safety)
        finally:
            program.close()
        pixels[safety] = {}
        for prompt, image in images.items():
            pixels[safety][prompt], record = shown(program, image)
            measured = measure(Image.fromarray(pixels[safety][prompt]))
            assert image.image.phash == measured.phash, "what is measured is what the file shows"
            assert image.image.constant is (safety == "black" and prompt == tent[0])
            flagged = None if safety == "off" else prompt == tent[0]
            assert image.image.nsfw_flagged is flagged
            assert image.engine.versions["safety"] == safety
            assert record["mode"] == safety
            assert record["flagged"] is flagged
            assert record["concept_scores"] == pytest.approx(image.image.concept_scores, abs=1e-6)
            if safety == "off":
                assert image.image.concept_scores == {}
                assert image.image.safety_ms == 0
            else:
                assert (max(image.image.concept_scores.values()) > 0) is flagged
                assert image.image.safety_ms > 0

    for safety, by_prompt in pixels.items():
        assert np.array_equal(by_prompt[HARMLESS], pixels["off"][HARMLESS]), safety
    original = pixels["off"][tent[0]]
    assert np.array_equal(pixels["flag"][tent[0]], original)
    assert not pixels["black"][tent[0]].any()
    blurred = pixels["blur"][tent[0]]
    assert blurred.shape == original.shape
    steps = np.abs(np.diff(blurred.astype(int), axis=1))
    assert steps.max() < 16 < np.abs(np.diff(original.astype(int), axis=1)).max(), "no edge is left"


def test_a_worker_hides_what_was_submitted_without_a_word_about_safety(
    program: Program, tent: tuple[str, int]
) -> None:
    prompt, seed = tent
    program.call(
        "submit", "--prompt", prompt, "--seed", str(seed), "--steps", str(STEPS), "--batch", "b"
    )
    worker = program.call("worker", "--burst", "--safety", "black")
    (image,) = program.drawn("b")
    assert f"The safety checker flagged {image.image.path} (--safety black)." in worker.stderr
    assert not shown(program, image)[0].any()
    program.call("verify")
