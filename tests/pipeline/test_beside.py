"""Two seeds at once: an image without guidance leaves half of a U-Net of batch 2 to the next one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toys import ToyModel, ToyRuntime, noise_of, parts, unet_inputs, variant_folder

from sdq_core.errors import BrokenImageError
from sdq_core.models import ModelStore
from sdq_core.values.part_units import PartUnits
from sdq_core.values.rng import Rng
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.onnx import OnnxRuntime

UNITS = PartUnits.all_on(ComputeUnit.ALL)
STEPS = 2
FIRST = ImageRequest(
    prompt="a small red circle on a blue background",
    negative_prompt="",
    seed=93,
    num_inference_steps=STEPS,
    guidance_scale=0.0,
    scheduler=Scheduler.EULER_ANCESTRAL_DISCRETE,
)
SECOND = replace(FIRST, seed=94)
#: Evaluations before the first pair: whether the rows of the network are apart.
TRIAL = 3


def quiet(done, total, look=None):
    pass


@pytest.fixture
def toy(tmp_path):
    def load(unet=None, *, batch=2, with_previews=False):
        models = {**parts(batch), **({"unet": unet} if unet else {})}
        folder = variant_folder(tmp_path / str(len(list(tmp_path.iterdir()))), models)
        pipeline = BuiltinPipeline.load(
            folder, ToyRuntime(models), UNITS, with_previews=with_previews
        )
        return pipeline, models["unet"]

    return load


def alone(toy, request):
    return toy()[0].draw(request, quiet).pixels.tobytes()


@pytest.fixture(scope="module")
def demo(translations):
    folder = ModelStore(translations / "no-models").find("demo", AttentionImplementation.ORIGINAL)
    return BuiltinPipeline.load(folder, OnnxRuntime(translations, threads=1), UNITS)


@pytest.mark.parametrize("scheduler", list(Scheduler))
def test_both_have_the_bytes_that_they_have_alone(demo, scheduler):
    first, second = (replace(each, scheduler=scheduler) for each in (FIRST, SECOND))
    singly = [demo.draw(each, quiet).pixels.tobytes() for each in (second, first)]
    together = demo.draw(first, quiet, second), demo.draw(second, quiet)
    assert demo._rows_are_apart
    assert [each.pixels.tobytes() for each in reversed(together)] == singly
    assert together[0].num_unet_calls == together[1].num_unet_calls
    assert together[0].denoise_ms == together[1].denoise_ms, "half of what both took"


def test_the_second_one_costs_the_u_net_nothing(toy):
    pipeline, unet = toy()
    pipeline.draw(FIRST, quiet, SECOND)
    assert unet.calls == TRIAL + STEPS
    pipeline.draw(SECOND, quiet, replace(FIRST, seed=95))
    assert unet.calls == TRIAL + STEPS, "it was ready, so no other one was begun with it"
    pipeline.draw(replace(FIRST, seed=95), quiet, replace(FIRST, seed=96))
    assert unet.calls == TRIAL + 2 * STEPS


@pytest.mark.parametrize(
    "changes",
    [{"prompt": "another"}, {"num_inference_steps": 4}, {"rng": Rng.TORCH}],
    ids=lambda changes: next(iter(changes)),
)
def test_one_that_differs_in_more_than_its_seed_waits_for_its_turn(toy, changes):
    pipeline, unet = toy()
    pipeline.draw(FIRST, quiet, replace(SECOND, **changes))
    assert unet.calls == STEPS


@pytest.mark.parametrize(("batch", "guidance"), [(2, 7.5), (1, 0.0)])
def test_a_u_net_without_a_row_to_spare_draws_one(toy, batch, guidance):
    pipeline, unet = toy(batch=batch)
    first, second = (replace(each, guidance_scale=guidance) for each in (FIRST, SECOND))
    pipeline.draw(first, quiet, second)
    assert unet.calls == STEPS


def test_one_that_is_asked_for_later_or_never_is_drawn_anew(toy):
    pipeline, _ = toy()
    pipeline.draw(FIRST, quiet, SECOND)
    third = replace(FIRST, seed=95)
    assert pipeline.draw(third, quiet).pixels.tobytes() == alone(toy, third)
    assert pipeline.draw(SECOND, quiet).pixels.tobytes() == alone(toy, SECOND)


def test_one_whose_neighbour_is_dropped_is_drawn_anew(toy):
    def drop(done, total):
        if done == 1:
            raise KeyError

    pipeline, _ = toy()
    with pytest.raises(KeyError):
        pipeline.draw(FIRST, drop, SECOND)
    assert pipeline.draw(SECOND, quiet).pixels.tobytes() == alone(toy, SECOND)


@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST)], ids=["behind", "before"])
def test_one_that_breaks_breaks_alone(toy, order):
    second_noise = np.random.RandomState(SECOND.seed).randn(4).astype(np.float16)

    def break_second(sample, timestep, encoder_hidden_states):
        predicted = noise_of(sample, timestep, encoder_hidden_states)
        shares = sample[:, 0, 0, 0] / second_noise[0], sample[:, 0, 0, 1] / second_noise[1]
        predicted[np.isclose(*shares, rtol=1e-2)] = np.nan  # it is scaled in the first step only
        return {"noise_pred": predicted}

    pipeline, _ = toy(ToyModel(unet_inputs(2), break_second))
    for number, request in enumerate(order):
        upcoming = order[1] if number == 0 else None
        if request is SECOND:
            with pytest.raises(BrokenImageError, match="Evaluation 1 of 2"):
                pipeline.draw(request, quiet, upcoming)
        else:
            drawn = pipeline.draw(request, quiet, upcoming)
            assert drawn.pixels.tobytes() == alone(toy, FIRST)


def test_where_rows_touch_each_other_each_is_drawn_by_itself(toy):
    def touching(sample, **told):
        return {"noise_pred": noise_of(sample, **told) + sample.mean(dtype=np.float32)}

    pipeline, unet = toy(ToyModel(unet_inputs(2), touching))
    singly = [pipeline.draw(each, quiet).pixels.tobytes() for each in (FIRST, SECOND)]
    before = unet.calls
    pair = pipeline.draw(FIRST, quiet, SECOND), pipeline.draw(SECOND, quiet, FIRST)
    assert [each.pixels.tobytes() for each in pair] == singly
    assert unet.calls - before <= TRIAL + 2 * STEPS


def test_steps_and_previews_are_those_of_the_image_that_is_drawn(toy):
    def previews(*upcoming):
        pipeline, _ = toy(with_previews=True)
        seen = []
        for number, request in enumerate((FIRST, SECOND)):
            told = []
            pipeline.draw(
                request,
                lambda done, total, look=None, told=told: told.append(
                    (done, total, look and look().tobytes())
                ),
                *upcoming[number : number + 1],
            )
            seen.append([each for each in told if each[0]])
        return seen

    first, second = previews()
    beside = previews(SECOND)
    assert beside == [first, second[-1:]]
    assert first[-1] != second[-1]
