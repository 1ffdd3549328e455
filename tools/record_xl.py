"""Record a tiny Stable Diffusion XL with random weights, and what diffusers draws with it, into `tests/golden/xl`.

The networks are converted by Apple's torch2coreml as it is, so names, shapes and layouts are those of published
packages. Needs torch, diffusers 0.35, transformers 4, coremltools 9 and a checkout of apple/ml-stable-diffusion:

    PYTHONPATH=/path/to/ml-stable-diffusion python tools/record_xl.py
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

# Apple's module imports what it needs for Stable Diffusion 3 alone.
for name in ("diffusionkit", "diffusionkit.tests", "diffusionkit.tests.torch2coreml"):
    sys.modules[name] = types.ModuleType(name)
for name in ("convert_mmdit_to_mlpackage", "convert_vae_to_mlpackage"):
    setattr(sys.modules["diffusionkit.tests.torch2coreml"], name, None)

from python_coreml_stable_diffusion import torch2coreml  # noqa: E402

GOLDEN = Path(__file__).parent.parent / "tests" / "golden"
TARGET = GOLDEN / "xl"
SIDE = 16
SCHEDULER = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "steps_offset": 1,
}
BASE = EulerDiscreteScheduler(**SCHEDULER, timestep_spacing="leading")
TURBO = EulerAncestralDiscreteScheduler(**SCHEDULER, timestep_spacing="trailing")


def tiny_pipeline() -> StableDiffusionXLPipeline:
    """Make a pipeline of networks as small as they can be."""
    torch.manual_seed(7)
    tokenizer = CLIPTokenizer(
        str(GOLDEN / "tokenizer" / "vocab.json"),
        str(GOLDEN / "tokenizer" / "merges.txt"),
        model_max_length=77,
    )
    second = CLIPTokenizer(
        str(GOLDEN / "tokenizer" / "vocab.json"),
        str(GOLDEN / "tokenizer" / "merges.txt"),
        model_max_length=77,
        pad_token="!",
    )
    end = tokenizer.eos_token_id
    text = {
        "vocab_size": len(tokenizer),
        "intermediate_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "max_position_embeddings": 77,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": end,
        "pad_token_id": 1,
        # With fewer than two hidden layers' spread, prompts would hardly differ.
        "initializer_factor": 4.0,
    }
    return StableDiffusionXLPipeline(
        tokenizer=tokenizer,
        tokenizer_2=second,
        text_encoder=CLIPTextModel(
            CLIPTextConfig(**text, hidden_size=16, hidden_act="quick_gelu", projection_dim=16)
        ),
        text_encoder_2=CLIPTextModelWithProjection(
            CLIPTextConfig(**text, hidden_size=24, hidden_act="gelu", projection_dim=24)
        ),
        unet=UNet2DConditionModel(
            sample_size=SIDE,
            block_out_channels=(32, 64),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2),
            attention_head_dim=(2, 4),
            use_linear_projection=True,
            cross_attention_dim=40,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 24,
        ),
        vae=AutoencoderKL(
            block_out_channels=(8, 8, 8, 8),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
            norm_num_groups=4,
            scaling_factor=0.13025,
            sample_size=SIDE * 8,
        ),
        scheduler=BASE,
        add_watermarker=False,
        force_zeros_for_empty_prompt=True,
    )


def convert(pipe: StableDiffusionXLPipeline, folder: Path) -> None:
    """Convert the four networks as Apple's command line does."""
    torch2coreml.get_pipeline = lambda _args: pipe
    args = torch2coreml.parser_spec().parse_args(
        [
            "--convert-text-encoder",
            "--convert-unet",
            "--convert-vae-decoder",
            "--xl-version",
            "--model-version",
            "sdq/tiny-xl",
            "--attention-implementation",
            "ORIGINAL",
            "-o",
            str(folder),
        ]
    )
    torch2coreml.main(args)


CASES: dict[str, dict[str, Any]] = {
    "base": {"steps": 6, "guidance": 5.0, "negative": None},
    "negative": {"steps": 6, "guidance": 5.0, "negative": "a blurry house!"},
    "sizes": {
        "steps": 4,
        "guidance": 5.0,
        "negative": None,
        "original_size": (96, 160),
        "crop": (8, 16),
    },
    "turbo": {"steps": 1, "guidance": 0.0, "negative": None},
}
PROMPT = "a lighthouse by the sea at night! with an orange boat"


def drawn(pipe: StableDiffusionXLPipeline, case: dict[str, Any]) -> dict[str, np.ndarray]:
    """Draw one case from the noise of `numpy.random.RandomState(3)`, float16 as sdq draws it."""
    noise = np.random.RandomState(3).randn(1, 4, SIDE, SIDE).astype(np.float16)
    pipe.scheduler = TURBO if case["guidance"] <= 1 else BASE
    original, crop = case.get("original_size"), case.get("crop", (0, 0))
    latents = pipe(
        PROMPT,
        negative_prompt=case["negative"],
        num_inference_steps=case["steps"],
        guidance_scale=case["guidance"],
        latents=torch.from_numpy(noise.astype(np.float32)),
        # diffusers has height before width, and top before left.
        original_size=original and (original[1], original[0]),
        crops_coords_top_left=(crop[1], crop[0]),
        output_type="latent",
        generator=_SameNoise(),
    ).images
    with torch.no_grad():
        image = pipe.vae.decode(latents / pipe.vae.config.scaling_factor, return_dict=False)[0]
    pixels = (image / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)[0].numpy()
    return {"latents": latents.numpy(), "pixels": (pixels * 255).round().astype(np.uint8)}


class _SameNoise(torch.Generator):
    """One step of Euler ancestral adds no noise, so nothing asks for any."""


def main() -> None:
    """Record everything anew."""
    pipe = tiny_pipeline()
    pipe.set_progress_bar_config(disable=True)
    found = {}
    for name, case in CASES.items():
        for what, values in drawn(pipe, case).items():
            found[f"{name}.{what}"] = values
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir()
    with tempfile.TemporaryDirectory() as name:
        pipe.scheduler = BASE
        pipe.save_pretrained(Path(name) / "pipe")
        convert(pipe, Path(name) / "out")
        for package in (Path(name) / "out").glob("*.mlpackage"):
            shutil.copytree(package, TARGET / package.name)
        for setting in ("vae/config.json", "scheduler/scheduler_config.json", "model_index.json"):
            (TARGET / setting).parent.mkdir(exist_ok=True)
            shutil.copy(Path(name) / "pipe" / setting, TARGET / setting)
    TURBO.save_config(TARGET / "turbo")
    cases = json.dumps({"prompt": PROMPT, "cases": CASES})
    np.savez_compressed(TARGET / "drawn.npz", cases=np.array(cases), **found)


if __name__ == "__main__":
    main()
