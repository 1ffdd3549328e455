"""Networks of a few lines of NumPy with the inputs and outputs of Stable Diffusion's packages.

They let tests follow the pipeline's arithmetic exactly and in milliseconds; real packages have their own tests. Like
Core ML they insist on names, shapes and dtypes.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from sdq_core.models import VariantFolder
from sdq_core.values.variants import AttentionImplementation

GOLDEN = Path(__file__).parent.parent / "golden"
LATENT_HEIGHT, LATENT_WIDTH = 4, 6
WIDTH, HEIGHT = LATENT_WIDTH * 8, LATENT_HEIGHT * 8
CHANNELS = 8
F16, F32 = np.dtype(np.float16), np.dtype(np.float32)

SCHEDULER_CONFIG = {
    "_class_name": "PNDMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
    "clip_sample": False,
}
PREPROCESSOR_CONFIG = {
    "crop_size": 224,
    "do_center_crop": True,
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "CLIPFeatureExtractor",
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "size": 224,
}


class ToyModel:
    """Checks its inputs, counts its calls, and keeps the last inputs for a test to look at."""

    def __init__(self, inputs, function):
        self.expected_inputs = {
            name: {"shape": shape, "dtype": dtype} for name, (shape, dtype) in inputs.items()
        }
        self.function = function
        self.calls = 0
        self.last = {}

    def __call__(self, **inputs):
        assert set(inputs) == set(self.expected_inputs)
        for name, value in inputs.items():
            assert value.shape == self.expected_inputs[name]["shape"], name
            assert value.dtype == self.expected_inputs[name]["dtype"], name
        self.calls += 1
        self.last = inputs
        return self.function(**{name: value.astype(np.float32) for name, value in inputs.items()})


def text_encoder():
    table = np.random.RandomState(1).randn(2000, CHANNELS).astype(np.float32)

    def encode(input_ids):
        ids = input_ids.astype(int)
        position = np.sin(np.arange(77, dtype=np.float32))[None, :, None]
        return {"last_hidden_state": table[ids] + position, "pooled_outputs": table[ids[:, 0]]}

    return ToyModel({"input_ids": ((1, 77), F32)}, encode)


def noise_of(sample, timestep, encoder_hidden_states):
    told = encoder_hidden_states[:, :4].mean(axis=(2, 3))[:, :, None, None]
    phase = timestep[:, None, None, None] / 100
    return 0.9 * sample + 0.3 * np.sin(2 * sample + phase + 3 * told)


def unet_inputs(batch):
    return {
        "sample": ((batch, 4, LATENT_HEIGHT, LATENT_WIDTH), F16),
        "timestep": ((batch,), F16),
        "encoder_hidden_states": ((batch, CHANNELS, 1, 77), F16),
    }


def unet(batch=2):
    return ToyModel(unet_inputs(batch), lambda **inputs: {"noise_pred": noise_of(**inputs)})


def unet_chunks(batch=2):
    """The same network cut in two: the first half's float32 outputs are the second's inputs, by name."""

    def first(sample, timestep, encoder_hidden_states):
        told = encoder_hidden_states[:, :4].mean(axis=(2, 3))[:, :, None, None]
        return {
            "skip_0": 0.9 * sample,
            "hidden": 2 * sample + timestep[:, None, None, None] / 100 + 3 * told,
        }

    shape = (batch, 4, LATENT_HEIGHT, LATENT_WIDTH)
    second = ToyModel(
        {
            "hidden": (shape, F32),
            "skip_0": (shape, F32),
            "encoder_hidden_states": unet_inputs(batch)["encoder_hidden_states"],
        },
        lambda hidden, skip_0, encoder_hidden_states: {"noise_pred": skip_0 + 0.3 * np.sin(hidden)},
    )
    return ToyModel(unet_inputs(batch), first), second


def vae_decoder():
    mix = np.random.RandomState(2).randn(3, 4).astype(np.float32) / 8

    def decode(z):
        image = np.einsum("ij,bjhw->bihw", mix, z)
        return {"image": np.tanh(image.repeat(8, axis=2).repeat(8, axis=3))}

    return ToyModel({"z": ((1, 4, LATENT_HEIGHT, LATENT_WIDTH), F16)}, decode)


def safety_checker(threshold=0.0):
    weights = np.random.RandomState(3).randn(17, 3).astype(np.float32)

    def check(clip_input, images, adjustment):
        scores = np.tanh(weights @ clip_input.mean(axis=(2, 3)).T).T - threshold + adjustment
        flags = (scores > 0).any(axis=1).astype(np.float32)
        return {
            "filtered_images": images * (1 - flags[:, None, None, None]),
            "has_nsfw_concepts": flags,
            "concept_scores": scores,
        }

    return ToyModel(
        {
            "clip_input": ((1, 3, 224, 224), F16),
            "images": ((1, HEIGHT, WIDTH, 3), F16),
            "adjustment": ((1,), F16),
        },
        check,
    )


def parts(batch=2):
    return {"text_encoder": text_encoder(), "unet": unet(batch), "vae_decoder": vae_decoder()}


class ToyRuntime:
    """A runtime whose packages are the names of toy models."""

    name = "toy"
    versions = {"numpy": np.__version__}  # noqa: RUF012

    def __init__(self, models):
        self.models = models

    def load(self, package, compute_unit):
        return self.models[package.stem]


def variant_folder(root, models, *, scheduler_config=None, safety=True):
    """Write the small files of a model folder; its packages are names for ToyRuntime."""
    root.mkdir(parents=True)
    shutil.copytree(GOLDEN / "tokenizer", root / "tokenizer")
    (root / "scheduler").mkdir()
    scheduler_file = root / "scheduler" / "scheduler_config.json"
    scheduler_file.write_text(json.dumps(scheduler_config or SCHEDULER_CONFIG))
    extractor = root / "feature_extractor"
    extractor.mkdir()
    (extractor / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR_CONFIG))
    return VariantFolder(
        model="toy",
        attention_implementation=AttentionImplementation.ORIGINAL,
        revision="0" * 16,
        parts={name: Path(f"{name}.mlpackage") for name in models},
        tokenizer=root / "tokenizer",
        scheduler_config=scheduler_file,
        feature_extractor=extractor if safety else None,
        width=WIDTH,
        height=HEIGHT,
        unet_batch=2,
    )
