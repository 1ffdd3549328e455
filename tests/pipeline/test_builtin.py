"""The pipeline's arithmetic and its refusals, over toy networks that a reader can follow."""

from __future__ import annotations

import numpy as np
import pytest
from toys import (
    F16,
    F32,
    GOLDEN,
    HEIGHT,
    LATENT_HEIGHT,
    LATENT_WIDTH,
    SCHEDULER_CONFIG,
    WIDTH,
    ToyModel,
    ToyRuntime,
    noise_of,
    parts,
    safety_checker,
    unet_chunks,
    unet_inputs,
    variant_folder,
)

from sdq_core.errors import BrokenImageError, PackageError
from sdq_core.values.part_units import PartUnits
from sdq_core.values.rng import Rng
from sdq_core.values.safety import Safety
from sdq_core.values.variants import ComputeUnit, Scheduler
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.pipelines.noise import make_noise
from worker.pipelines.tokenizer import ClipTokenizer
from worker.pipelines.unet import ChunkedModel


def load(root, models, **kwargs):
    return BuiltinPipeline.load(
        variant_folder(root / "model", models, **kwargs),
        ToyRuntime(models),
        PartUnits.all_on(ComputeUnit.ALL),
    )


def request(**changes):
    values = {
        "prompt": "a photo of an astronaut",
        "negative_prompt": "",
        "seed": 93,
        "num_inference_steps": 4,
        "guidance_scale": 7.5,
        "scheduler": Scheduler.DDIM,
        **changes,
    }
    return ImageRequest(**values)


def quiet(done, total):
    pass


def test_the_image_is_what_the_equations_say(tmp_path):
    """One DDIM step written out: embeddings, guidance, step, decoder, rounding."""
    models = parts()
    pipeline = load(tmp_path, models)
    drawn = pipeline.draw(request(num_inference_steps=1, negative_prompt="mars"), quiet)

    encode, decode = models["text_encoder"].function, models["vae_decoder"].function
    tokenizer = ClipTokenizer(GOLDEN / "tokenizer")
    told = [
        encode(tokenizer(text).input_ids)["last_hidden_state"].transpose(0, 2, 1)[:, :, None, :]
        for text in ("mars", "a photo of an astronaut")
    ]
    told = np.concatenate(told).astype(np.float16).astype(np.float32)
    noise = np.random.RandomState(93).randn(1, 4, LATENT_HEIGHT, LATENT_WIDTH).astype(np.float16)
    sample = np.concatenate([noise, noise]).astype(np.float32)
    negative, prompt = noise_of(sample, np.ones(2, np.float32), told)
    predicted = negative + np.float32(7.5) * (prompt - negative)
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    alphas = np.cumprod(1 - betas)
    original = (noise - np.sqrt(1 - alphas[1]) * predicted) / np.sqrt(alphas[1])
    latents = np.sqrt(alphas[0]) * original + np.sqrt(1 - alphas[0]) * predicted
    z = (latents[None] if latents.ndim == 3 else latents) / 0.18215
    image = decode(z.astype(np.float16).astype(np.float32))["image"]
    expected = np.round((image[0] / 2 + 0.5).clip(0, 1).transpose(1, 2, 0) * 255)

    assert drawn.pixels.dtype == np.uint8
    assert drawn.pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(drawn.pixels.astype(int) - expected).max() <= 1


def test_the_u_net_sees_the_latents_of_apples_command_line(tmp_path):
    models = parts()
    seen = []
    inner = models["unet"].function
    models["unet"].function = lambda **inputs: seen.append(inputs) or inner(**inputs)
    load(tmp_path, models).draw(request(seed=4294967295), quiet)
    noise = np.random.RandomState(4294967295).randn(1, 4, LATENT_HEIGHT, LATENT_WIDTH)
    assert (seen[0]["sample"] == noise.astype(np.float16)).all()
    assert seen[0]["timestep"].tolist() == [751, 751]


@pytest.mark.parametrize("rng", [Rng.TORCH, Rng.NVIDIA])
def test_the_u_net_sees_the_noise_of_the_tool_that_is_named(tmp_path, rng):
    models = parts()
    seen = []
    inner = models["unet"].function
    models["unet"].function = lambda **inputs: seen.append(inputs) or inner(**inputs)
    load(tmp_path, models).draw(request(rng=rng), quiet)
    noise = make_noise(rng, 93).normal((1, 4, LATENT_HEIGHT, LATENT_WIDTH))
    assert (seen[0]["sample"] == noise.astype(np.float16)).all()


@pytest.mark.parametrize("scheduler", list(Scheduler))
def test_a_seed_gives_the_same_bytes_and_another_seed_others(tmp_path, scheduler):
    pipeline = load(tmp_path, parts())
    first = pipeline.draw(request(scheduler=scheduler), quiet).pixels
    other = pipeline.draw(request(scheduler=scheduler, seed=94), quiet).pixels
    again = pipeline.draw(request(scheduler=scheduler), quiet).pixels
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_prompt_negative_prompt_guidance_and_steps_each_change_the_image(tmp_path):
    pipeline = load(tmp_path, parts())
    changes = [
        {},
        {"prompt": "a horse"},
        {"negative_prompt": "a horse"},
        {"guidance_scale": 3.0},
        {"num_inference_steps": 5},
        {"scheduler": Scheduler.EULER_DISCRETE},
        {"rng": Rng.TORCH},
        {"rng": Rng.NVIDIA},
    ]
    drawn = {pipeline.draw(request(**change), quiet).pixels.tobytes() for change in changes}
    assert len(drawn) == len(changes)


@pytest.mark.parametrize("scheduler", list(Scheduler))
def test_batch_1_batch_2_and_chunks_draw_the_same_image(tmp_path, scheduler):
    first, second = unet_chunks()
    chunked = {**parts(), "unet_chunk1": first, "unet_chunk2": second}
    del chunked["unet"]
    drawn = []
    for name, models in (("two", parts(2)), ("one", parts(1)), ("chunks", chunked)):
        pipeline = load(tmp_path / name, models)
        drawn.append(pipeline.draw(request(scheduler=scheduler), quiet).pixels.astype(int))
    assert np.abs(drawn[0] - drawn[1]).max() <= 1
    assert np.abs(drawn[0] - drawn[2]).max() <= 1
    assert second.calls == first.calls > 0


@pytest.mark.parametrize("chunk", [0, 1])
def test_an_input_reaches_the_chunk_that_declares_it(chunk):
    chunks = unet_chunks()
    inner, spec = chunks[chunk].function, {"shape": (2, 4), "dtype": F32}
    chunks[chunk].expected_inputs["additional_residual_3"] = spec
    chunks[chunk].function = lambda additional_residual_3, **inputs: inner(**inputs)
    whole = ChunkedModel(*chunks)
    assert whole.expected_inputs.keys() == {*unet_inputs(2), "additional_residual_3"}
    given = {name: np.ones(shape) for name, (shape, _) in unet_inputs(2).items()}
    whole(**given, additional_residual_3=np.ones((2, 4)))
    assert "additional_residual_3" in chunks[chunk].last


def test_a_whole_u_net_is_preferred_to_its_chunks(tmp_path):
    first, second = unet_chunks()
    models = {**parts(), "unet_chunk1": first, "unet_chunk2": second}
    load(tmp_path, models).draw(request(), quiet)
    assert first.calls == 0
    assert models["unet"].calls == 4


@pytest.mark.parametrize(
    ("batch", "scheduler", "guidance_scale", "calls"),
    [
        (2, Scheduler.DDIM, 7.5, 4),
        (1, Scheduler.DDIM, 7.5, 8),
        (1, Scheduler.DDIM, 1.0, 4),
        (2, Scheduler.PNDM, 7.5, 5),
        (1, Scheduler.PNDM, 7.5, 10),
    ],
)
def test_every_evaluation_is_reported_and_counted(
    tmp_path, batch, scheduler, guidance_scale, calls
):
    models = parts(batch)
    reports = []
    drawn = load(tmp_path, models).draw(
        request(scheduler=scheduler, guidance_scale=guidance_scale),
        lambda done, total: reports.append((done, total)),
    )
    assert reports == [(done, calls) for done in range(1, calls + 1)]
    assert drawn.num_unet_calls == models["unet"].calls == calls


def test_without_guidance_the_negative_prompt_is_not_encoded(tmp_path):
    models = parts(1)
    pipeline = load(tmp_path, models)
    long = "a " * 200
    drawn = pipeline.draw(request(guidance_scale=1.0, negative_prompt=long), quiet)
    assert models["text_encoder"].calls == 1
    assert drawn.truncated_tokens == 0


def test_seeds_of_one_prompt_encode_it_once(tmp_path):
    models = parts()
    pipeline = load(tmp_path, models)
    times = [pipeline.draw(request(seed=seed), quiet).text_encode_ms for seed in range(3)]
    assert models["text_encoder"].calls == 2
    assert times[0] > 0
    assert times[1:] == [0, 0]


def test_a_new_prompt_keeps_the_negative_prompts_embeddings(tmp_path):
    models = parts()
    pipeline = load(tmp_path, models)
    for prompt in ("a horse", "mars", "a photo", "a horse"):
        assert pipeline.draw(request(prompt=prompt), quiet).text_encode_ms > 0
    assert models["text_encoder"].calls == 5


def test_cut_off_tokens_of_both_texts_are_counted_each_time(tmp_path):
    pipeline = load(tmp_path, parts())
    long = request(prompt="a " * 80, negative_prompt="a " * 77)
    assert [pipeline.draw(long, quiet).truncated_tokens for _ in range(2)] == [7, 7]


def test_times_are_measured(tmp_path):
    drawn = load(tmp_path, parts()).draw(request(), quiet)
    assert drawn.denoise_ms > 0
    assert drawn.decode_ms > 0
    assert drawn.safety_ms == 0
    assert drawn.nsfw_flagged is None


@pytest.mark.parametrize(("threshold", "flagged"), [(-2.0, True), (2.0, False)])
def test_a_flagged_image_keeps_its_pixels_and_its_scores(tmp_path, threshold, flagged):
    plain = load(tmp_path / "plain", parts()).draw(request(), quiet)
    models = {**parts(), "safety_checker": safety_checker(threshold)}
    drawn = load(tmp_path, models).draw(request(), quiet)
    assert drawn.nsfw_flagged is flagged
    assert list(drawn.concept_scores) == [f"concept_{index:02}" for index in range(17)]
    assert all((score > 0) is flagged for score in drawn.concept_scores.values())
    assert drawn.pixels.tobytes() == plain.pixels.tobytes()
    assert drawn.safety_ms > 0


def test_without_a_feature_extractor_the_safety_checker_stays_out(tmp_path):
    models = {**parts(), "safety_checker": safety_checker()}
    drawn = load(tmp_path, models, safety=False).draw(request(), quiet)
    assert drawn.nsfw_flagged is None
    assert models["safety_checker"].calls == 0


def test_a_checker_that_is_off_is_not_run(tmp_path):
    models = {**parts(), "safety_checker": safety_checker(threshold=-2)}
    folder = variant_folder(tmp_path / "off", models)
    pipeline = BuiltinPipeline.load(
        folder, ToyRuntime(models), PartUnits.all_on(ComputeUnit.ALL), Safety.OFF
    )
    drawn = pipeline.draw(request(), quiet)
    assert drawn.nsfw_flagged is None
    assert drawn.concept_scores == {}
    assert models["safety_checker"].calls == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("text_encoder", "The text encoder produced NaN"),
        ("unet", "Evaluation 3 of 4 of the U-Net produced NaN"),
        ("vae_decoder", "The VAE decoder produced NaN"),
        ("safety_checker", "The safety checker produced NaN"),
    ],
)
def test_values_that_are_not_finite_break_the_image(tmp_path, part, message, bad):
    models = {**parts(), "safety_checker": safety_checker()}
    model = models[part]
    inner = model.function

    def spoiled(**inputs):
        outputs = inner(**inputs)
        if part != "unet" or model.calls == 3:
            for value in outputs.values():
                value.flat[-1] = bad
        return outputs

    model.function = spoiled
    with pytest.raises(BrokenImageError, match=message):
        load(tmp_path, models).draw(request(), quiet)


def test_an_image_after_a_broken_one_is_not_affected(tmp_path):
    models = parts()
    pipeline = load(tmp_path, models)
    expected = pipeline.draw(request(scheduler=Scheduler.PNDM), quiet).pixels
    inner = models["unet"].function
    models["unet"].function = lambda **inputs: {"noise_pred": np.full((2, 4, 4, 6), np.nan)}
    with pytest.raises(BrokenImageError):
        pipeline.draw(request(scheduler=Scheduler.PNDM), quiet)
    models["unet"].function = inner
    again = pipeline.draw(request(scheduler=Scheduler.PNDM), quiet).pixels
    assert again.tobytes() == expected.tobytes()


def test_latents_that_float16_cannot_hold_break_the_image(tmp_path):
    models = parts()
    models["unet"].function = lambda sample, **rest: {
        "noise_pred": np.nan_to_num(sample) * 0 + 1e38
    }
    with pytest.raises(BrokenImageError):
        load(tmp_path, models).draw(request(), quiet)


def test_an_image_of_one_colour_is_broken(tmp_path):
    models = parts()
    models["vae_decoder"].function = lambda z: {"image": np.full((1, 3, HEIGHT, WIDTH), -1.0)}
    with pytest.raises(BrokenImageError, match=r"only one colour, RGB \(0, 0, 0\)"):
        load(tmp_path, models).draw(request(), quiet)


def test_a_stopped_report_stops_the_image(tmp_path):
    models = parts()

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(tmp_path, models).draw(request(), stop)
    assert models["unet"].calls == 2


@pytest.mark.parametrize("scheduler", list(Scheduler))
def test_without_guidance_batch_2_draws_what_batch_1_does(tmp_path, scheduler):
    unguided = request(guidance_scale=0.0, scheduler=scheduler, negative_prompt="mars")
    one, two = (
        load(tmp_path / str(batch), parts(batch)).draw(unguided, quiet).pixels for batch in (1, 2)
    )
    assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("steps", [0, 1001])
def test_step_counts_beyond_the_training_schedule_are_refused(tmp_path, steps):
    with pytest.raises(PackageError, match="Use 1 to 1000 steps"):
        load(tmp_path, parts()).draw(request(num_inference_steps=steps), quiet)


@pytest.mark.parametrize("part", ["text_encoder", "unet", "vae_decoder", "unet_chunk2"])
def test_a_missing_part_is_named(tmp_path, part):
    models = parts()
    if part == "unet_chunk2":
        del models["unet"]
        models["unet_chunk1"] = unet_chunks()[0]
    else:
        del models[part]
    with pytest.raises(PackageError, match=f"has no {part} package"):
        load(tmp_path, models)


def replaced(part, name, shape, dtype=F16):
    models = parts()
    models[part].expected_inputs[name] = {"shape": shape, "dtype": dtype}
    return models


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (replaced("unet", "time_ids", (2, 5)), "refiner of Stable Diffusion XL is not supported"),
        (replaced("unet", "additional_residual_0", (2, 4)), "not one array of batch 2 for each"),
        (replaced("unet", "mask", (2, 4)), "also takes 'mask'"),
        (replaced("unet", "sample", (2, 9, 4, 6)), "Use a text-to-image model"),
        (replaced("unet", "sample", (4, 4, 4, 6)), "Use a text-to-image model"),
        (replaced("vae_decoder", "z", (1, 4, 8, 8)), "converted together"),
        (replaced("text_encoder", "input_ids", (1, 64), F32), "Use the tokenizer of this model"),
    ],
)
def test_packages_that_do_not_fit_are_refused_at_load(tmp_path, models, message):
    with pytest.raises(PackageError, match=message):
        load(tmp_path, models)


def test_an_output_of_another_name_is_refused(tmp_path):
    models = parts()
    models["unet"] = ToyModel(unet_inputs(2), lambda **inputs: {"var_5663": inputs["sample"]})
    with pytest.raises(PackageError, match="has the outputs var_5663, but not 'noise_pred'"):
        load(tmp_path, models).draw(request(), quiet)


def test_the_models_scheduler_settings_are_used(tmp_path):
    drawn = []
    for name, prediction in (("a", "epsilon"), ("b", "v_prediction")):
        config = {**SCHEDULER_CONFIG, "prediction_type": prediction}
        pipeline = load(tmp_path / name, parts(), scheduler_config=config)
        drawn.append(pipeline.draw(request(), quiet).pixels.tobytes())
    assert drawn[0] != drawn[1]


def test_the_sizes_are_the_u_nets(tmp_path):
    pipeline = load(tmp_path, parts())
    assert (pipeline.width, pipeline.height) == (WIDTH, HEIGHT)
    assert pipeline.name == "builtin"
