"""Both pipelines draw the same image for the same recipe and seed, over the same networks.

Runs wherever Apple's package can be imported (docs/mac.md), on any system; the portable runtime computes. Watched is
what reaches the networks: every latent that the U-Net sees and the last one, at the VAE decoder.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

logging.getLogger("coremltools").setLevel(logging.CRITICAL)
for needed in ("python_coreml_stable_diffusion.pipeline", "diffusers", "torch", "transformers"):
    pytest.importorskip(needed, reason="Apple's package is not installed", exc_type=ImportError)

from toys import ToyRuntime, parts, safety_checker, variant_folder  # noqa: E402

from sdq_core.errors import BrokenImageError  # noqa: E402
from sdq_core.models import DEMO, ModelStore  # noqa: E402
from sdq_core.values.conditions import Conditions  # noqa: E402
from sdq_core.values.part_units import PartUnits  # noqa: E402
from sdq_core.values.rng import Rng  # noqa: E402
from sdq_core.values.safety import Safety  # noqa: E402
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler  # noqa: E402
from worker.pipelines.apple import ApplePipeline  # noqa: E402
from worker.pipelines.builtin import BuiltinPipeline  # noqa: E402
from worker.pipelines.contract import ImageRequest  # noqa: E402
from worker.runtimes.onnx import OnnxRuntime  # noqa: E402

LONG = "a red lighthouse over the dark sea at night, " * 12
#: A word of one token in the demo model's vocabulary; 75 fill the text encoder exactly, and Apple's pipeline crashes.
EXACT = " ".join(["a"] * 75)
#: Of the latent's largest number: 0.8 %. Measured at most 0.0625 where the largest number is above 32.
FLOAT16_STEPS = 16
#: Measured: from 77 % of an image's worst latents up to all; another formula would leave next to none.
MOST_ARE_IDENTICAL = 0.6
REQUEST = ImageRequest(
    prompt="a red house under a yellow moon",
    negative_prompt="",
    seed=93,
    num_inference_steps=5,
    guidance_scale=7.5,
    scheduler=Scheduler.DDIM,
)
PROMPTS = {
    "plain": {},
    "negative": {"negative_prompt": "blurry, dark, ÜBER 😀", "seed": 4294967295},
    "long": {"prompt": LONG, "negative_prompt": LONG[::-1]},
    "exactly-77": {"prompt": EXACT},
    "torch": {"rng": Rng.TORCH},
    "nvidia": {"rng": Rng.NVIDIA},
    "weighted": {
        "prompt": "a (red house:1.4) under a [yellow] moon",
        "negative_prompt": "(((blurry)))",
        "conditions": Conditions(weighted=True),
    },
}


class Recorded:
    """A network that keeps what it was given."""

    def __init__(self, model, log):
        self.expected_inputs = model.expected_inputs
        self._model, self._log = model, log

    def __call__(self, **inputs):
        self._log.append({name: array.copy() for name, array in inputs.items()})
        return self._model(**inputs)


class Recording:
    """A runtime whose networks keep what they are given, those of one package in one log."""

    def __init__(self, runtime):
        self.name, self.versions, self._runtime = runtime.name, runtime.versions, runtime
        self.logs = {}

    def load(self, package, compute_unit):
        log = self.logs.setdefault(package.name, [])
        return Recorded(self._runtime.load(package, compute_unit), log)


def with_unet(root, attention, change):
    """The demo model with its U-Net's weights unpacked to float16 and then changed."""
    import coremltools as ct
    import coremltools.optimize.coreml as cto

    demo = ModelStore(Path("/nonexistent")).find(DEMO, attention)
    packed = ct.models.MLModel(str(demo.parts["unet"]), skip_model_load=True)
    path = root / demo.parts["unet"].name
    change(cto, cto.decompress_weights(packed)).save(str(path))
    return replace(demo, parts={**demo.parts, "unet": path})


def dense(cto, model):
    return model


def palettized(cto, model):
    settings = cto.OpPalettizerConfig(mode="uniform", nbits=6)
    return cto.palettize_weights(model, cto.OptimizationConfig(global_config=settings))


def chunked(whole, root, part="unet"):
    """A model with a U-Net cut in two by coremltools, which Apple's converter calls for it."""
    from coremltools.models.utils import bisect_model

    parts = dict(whole.parts)
    unet = parts.pop(part)
    bisect_model(str(unet), str(root), check_output_correctness=False)
    for number in (1, 2):
        parts[f"{part}_chunk{number}"] = root / f"{unet.stem}_chunk{number}.mlpackage"
    return replace(whole, parts=parts)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp
    original = with_unet(root("original"), AttentionImplementation.ORIGINAL, dense)
    made = {
        "original": original,
        "split_einsum": with_unet(root("split"), AttentionImplementation.SPLIT_EINSUM, dense),
        "chunked": chunked(original, root("chunked")),
        "palettized": with_unet(root("palettized"), AttentionImplementation.ORIGINAL, palettized),
    }
    assert made["original"].network.precision == "float16"
    assert made["palettized"].network.precision == "6-bit"
    return made


@pytest.fixture(scope="module")
def pipelines(folders, tmp_path_factory):
    """Kind -> (built-in, Apple's), each with the logs of its networks; loaded once, they serve many images."""
    runtime = OnnxRuntime(tmp_path_factory.mktemp("cache"), threads=1)
    loaded = {}

    def get(kind):
        if kind not in loaded:
            loaded[kind] = [
                (
                    recording := Recording(runtime),
                    pipeline.load(folders[kind], recording, PartUnits.all_on(ComputeUnit.ALL)),
                )
                for pipeline in (BuiltinPipeline, ApplePipeline)
            ]
        return loaded[kind]

    return get


def quiet(done, total):
    pass


def inputs_of(logs, part, name):
    """Every array that the network of a part was given under a name, oldest first."""
    (log,) = [log for package, log in logs.items() if package.endswith(f"_{part}.mlpackage")]
    return [call[name] for call in log if name in call]


@pytest.mark.parametrize("prompts", PROMPTS)
@pytest.mark.parametrize("scheduler", list(Scheduler))
@pytest.mark.parametrize("kind", ["original", "split_einsum", "chunked", "palettized"])
def test_both_pipelines_draw_the_same_image(pipelines, kind, scheduler, prompts):
    request = replace(REQUEST, scheduler=scheduler, **PROMPTS[prompts])
    drawn, seen = [], []
    for recording, pipeline in pipelines(kind):
        for log in recording.logs.values():
            log.clear()
        drawn.append(pipeline.draw(request, quiet))
        first = "unet_chunk1" if kind == "chunked" else "unet"
        seen.append(
            inputs_of(recording.logs, first, "sample")
            + inputs_of(recording.logs, "vae_decoder", "z")
        )
    builtin, apple = drawn
    assert builtin.pixels.std() > 5, "the image should be worth comparing"
    assert len(seen[0]) == len(seen[1]) == builtin.num_unet_calls + 1
    assert np.array_equal(seen[0][0], seen[1][0]), "the noise that the image begins with"
    for number, (ours, theirs) in enumerate(zip(*seen, strict=True)):
        assert ours.dtype == theirs.dtype
        # diffusers steps in torch, sdq in NumPy: float32 results that differ in the last bit are now and then rounded
        # to neighbouring float16 numbers, and the next evaluation of the U-Net goes on from there. They must differ:
        # torch's float32 square roots are not the nearest ones (one in five is off by a bit in torch 2.13).
        step = np.spacing(np.abs(ours).max()).astype(np.float32)
        assert np.abs(ours.astype(np.float32) - theirs).max() <= FLOAT16_STEPS * step, number
        assert (ours == theirs).mean() >= MOST_ARE_IDENTICAL, number
    assert np.abs(builtin.pixels.astype(int) - apple.pixels).max() <= 1
    assert apple.num_unet_calls == builtin.num_unet_calls
    assert apple.truncated_tokens == builtin.truncated_tokens
    assert (apple.truncated_tokens > 0) == (prompts == "long")
    assert apple.nsfw_flagged == builtin.nsfw_flagged
    assert apple.concept_scores == pytest.approx(builtin.concept_scores, abs=1e-2)


@pytest.mark.parametrize("scheduler", list(Scheduler))
@pytest.mark.parametrize("batch", [1, 2])
def test_both_draw_with_and_without_guidance(tmp_path, scheduler, batch):
    drawn, reports = [], []
    for number, pipeline in enumerate((BuiltinPipeline, ApplePipeline)):
        models = parts(batch)
        folder = variant_folder(tmp_path / str(number), models)
        loaded = pipeline.load(folder, ToyRuntime(models), PartUnits.all_on(ComputeUnit.ALL))
        for guidance_scale in (7.5, 1.0):
            told = []
            request = replace(REQUEST, scheduler=scheduler, guidance_scale=guidance_scale)
            drawn.append(
                loaded.draw(request, lambda done, total, told=told: told.append((done, total)))
            )
            reports.append(told)
    assert reports[:2] == reports[2:], "both report every evaluation"
    for ours, theirs in zip(drawn[:2], drawn[2:], strict=True):
        assert np.abs(ours.pixels.astype(int) - theirs.pixels).max() <= 1
        assert ours.num_unet_calls == theirs.num_unet_calls


def test_both_draw_at_the_timesteps_of_a_model(tmp_path):
    models = parts()
    folder = variant_folder(tmp_path / "model", models)
    folder = replace(folder, scheduler_settings={"timesteps": [999, 749, 499, 249]})
    asked = replace(REQUEST, scheduler=Scheduler.LCM, num_inference_steps=4, guidance_scale=0)
    ours, theirs = (
        pipeline.load(folder, ToyRuntime(models), PartUnits.all_on(ComputeUnit.ALL))
        .draw(asked, quiet)
        .pixels.astype(int)
        for pipeline in (BuiltinPipeline, ApplePipeline)
    )
    assert np.abs(ours - theirs).max() <= 1


@pytest.fixture
def toy(tmp_path):
    models = parts()
    folder = variant_folder(tmp_path / "toy", models)
    return models, ApplePipeline.load(folder, ToyRuntime(models), PartUnits.all_on(ComputeUnit.ALL))


@pytest.mark.parametrize(
    ("part", "said"), [("text_encoder", "text"), ("unet", "U-Net"), ("vae_decoder", "VAE")]
)
def test_a_network_that_gives_nan_is_found(toy, part, said):
    models, pipeline = toy
    whole = models[part].function

    def broken(**inputs):
        return {name: array * np.nan for name, array in whole(**inputs).items()}

    models[part].function = broken
    with pytest.raises(BrokenImageError, match=f"{said}.*NaN"):
        pipeline.draw(REQUEST, quiet)
    models[part].function = whole
    assert pipeline.draw(REQUEST, quiet).pixels.std() > 5


def test_an_image_of_one_colour_is_found(toy):
    models, pipeline = toy
    whole = models["vae_decoder"].function
    models["vae_decoder"].function = lambda z: {"image": np.zeros_like(whole(z)["image"])}
    with pytest.raises(BrokenImageError, match="only one colour"):
        pipeline.draw(REQUEST, quiet)


def test_a_prompt_is_encoded_once_for_all_its_seeds(toy):
    models, pipeline = toy
    first = pipeline.draw(REQUEST, quiet)
    second = pipeline.draw(replace(REQUEST, seed=94), quiet)
    assert models["text_encoder"].calls == 2, "the prompt and the empty negative prompt"
    assert first.text_encode_ms > 0
    assert second.text_encode_ms == 0


def test_a_flagged_image_is_reported_and_left_as_it_is(tmp_path):
    models = {**parts(), "safety_checker": safety_checker(threshold=-2)}
    folder = variant_folder(tmp_path / "flagged", models)
    drawn = ApplePipeline.load(folder, ToyRuntime(models), PartUnits.all_on(ComputeUnit.ALL)).draw(
        REQUEST, quiet
    )
    assert drawn.nsfw_flagged is True
    assert len(drawn.concept_scores) == 17
    assert drawn.pixels.std() > 5


def test_a_checker_that_is_off_is_not_run(tmp_path):
    models = {**parts(), "safety_checker": safety_checker(threshold=-2)}
    folder = variant_folder(tmp_path / "off", models)
    pipeline = ApplePipeline.load(
        folder, ToyRuntime(models), PartUnits.all_on(ComputeUnit.ALL), Safety.OFF
    )
    drawn = pipeline.draw(REQUEST, quiet)
    assert drawn.nsfw_flagged is None
    assert drawn.concept_scores == {}
    assert models["safety_checker"].calls == 0


def test_importing_it_leaves_logging_as_it_was():
    """In a process of its own: what one import sets up, a second one would not."""
    program = (
        "import logging; from worker.pipelines.apple_package import import_apple; import_apple(); "
        "assert not logging.getLogger().handlers, logging.getLogger().handlers"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "safety checker" not in ended.stderr
