"""Words count for as much as their weights say, as in AUTOMATIC1111 (`modules/sd_emphasis.py`)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toys import GOLDEN, ToyRuntime, parts, variant_folder

from sdq_core.values.conditions import Conditions
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import ComputeUnit, Scheduler
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.pipelines.tokenizer import ClipTokenizer
from worker.pipelines.weighing import weighed

TOKENIZER = ClipTokenizer(GOLDEN / "tokenizer")
REQUEST = ImageRequest(
    prompt="a photo of an astronaut",
    negative_prompt="",
    seed=93,
    num_inference_steps=3,
    guidance_scale=7.5,
    scheduler=Scheduler.DDIM,
    conditions=Conditions(weighted=True),
)
PLAIN = replace(REQUEST, conditions=Conditions())


def test_each_token_has_the_weight_of_its_part():
    plain = TOKENIZER("a photo of an astronaut")
    found = TOKENIZER("a (photo:1.5) of [an astronaut]", weighted=True)
    assert found.input_ids.tolist() == plain.input_ids.tolist()
    begin, photo, end = 1, len(TOKENIZER._ids("a")) + 1, 0
    behind = photo + len(TOKENIZER._ids("photo"))
    assert (found.weights[begin:photo] == 1).all()
    assert (found.weights[photo:behind] == np.float32(1.5)).all()
    end = 1 + len(TOKENIZER._ids("a photo of an astronaut"))
    last = len(TOKENIZER._ids("an astronaut"))
    assert (found.weights[end - last : end] == np.float32(1 / 1.1)).all()
    assert (found.weights[end:] == 1).all(), "the end and the padding"
    assert (plain.weights == 1).all()


def test_syntax_takes_no_room_and_is_text_without_weights():
    words = "((a:1.2)) " * 75
    assert TOKENIZER(words, weighted=True).truncated_tokens == 0
    assert TOKENIZER(words).truncated_tokens > 0
    longer = TOKENIZER("(" + "a " * 80 + "b:1.5)", weighted=True)
    assert longer.truncated_tokens == 80 * len(TOKENIZER._ids("a")) + len(TOKENIZER._ids("b")) - 75
    assert (longer.weights[1:76] == np.float32(1.5)).all()
    assert longer.weights[76] == 1


def test_the_mean_is_restored_after_weighing():
    states = np.random.RandomState(1).randn(1, 5, 8).astype(np.float32) + np.float32(0.3)
    weights = np.array([1, 1.5, 0.5, 1, 1], np.float32)
    changed = weighed(states, weights)
    assert changed.mean() == pytest.approx(states.mean(), rel=1e-5)
    ratio = changed[0] / states[0] / weights[:, None]
    assert np.allclose(ratio, ratio[0, 0]), "all tokens by one factor besides their weights"
    unchanged = weighed(states, weights, keep_mean=False)
    assert np.array_equal(unchanged, states * weights[None, :, None])
    assert weighed(states, np.ones(5, np.float32)) is states


@pytest.fixture
def draw(tmp_path):
    models = parts()
    pipeline = BuiltinPipeline.load(
        variant_folder(tmp_path / "model", models),
        ToyRuntime(models),
        PartUnits.all_on(ComputeUnit.ALL),
    )

    def pixels(request, **changes):
        return pipeline.draw(replace(request, **changes), lambda _done, _total: None).pixels

    return pixels


def test_weights_change_the_image_only_if_they_are_asked_for(draw):
    prompt = "a (photo:1.4) of an astronaut"
    plain = draw(PLAIN)
    assert np.array_equal(draw(REQUEST), plain), "a prompt without brackets"
    assert np.array_equal(draw(REQUEST, prompt="a (photo:1.0) of an astronaut"), plain)
    assert not np.array_equal(draw(REQUEST, prompt=prompt), plain)
    as_words, again = draw(PLAIN, prompt=prompt), draw(REQUEST, prompt=prompt)
    assert not np.array_equal(as_words, again)
    assert np.array_equal(draw(PLAIN, prompt=prompt), as_words), "the texts that are kept"


def test_the_negative_prompt_weighs_words_as_well(draw):
    light, heavy = (draw(REQUEST, negative_prompt=f"(fog:{weight})") for weight in (0.5, 2))
    assert not np.array_equal(light, heavy)
