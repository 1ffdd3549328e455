"""Record a tiny Stable Diffusion 1 with two ControlNets, and what diffusers draws, into `tests/golden/controlnet`.

The networks have random weights and are converted by Apple's torch2coreml as it is, so names, shapes and layouts are
those of published packages. There is a control-unet and no plain one: diffusers' plain picture shows that with zero
residuals it is one. Needs torch, diffusers 0.35, transformers 4, coremltools 9 and a checkout of
apple/ml-stable-diffusion:

    PYTHONPATH=/path/to/ml-stable-diffusion python tools/record_controlnet.py
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
    ControlNetModel,
    DDIMScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from PIL import Image, ImageDraw
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

# Apple's module imports what it needs for Stable Diffusion 3 alone.
for name in ("diffusionkit", "diffusionkit.tests", "diffusionkit.tests.torch2coreml"):
    sys.modules[name] = types.ModuleType(name)
for name in ("convert_mmdit_to_mlpackage", "convert_vae_to_mlpackage"):
    setattr(sys.modules["diffusionkit.tests.torch2coreml"], name, None)

from python_coreml_stable_diffusion import torch2coreml  # noqa: E402

GOLDEN = Path(__file__).parent.parent / "tests" / "golden"
TARGET = GOLDEN / "controlnet"
#: Of latents; not square, so that sides cannot be mistaken.
HEIGHT, WIDTH = 8, 12
UNET = {
    "block_out_channels": (32, 32),
    "layers_per_block": 1,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "attention_head_dim": 4,
    "cross_attention_dim": 16,
}
NETS = ("edges", "depth")


def tiny_networks() -> dict[str, Any]:
    """Make networks as small as they can be."""
    torch.manual_seed(7)
    folder = GOLDEN / "tokenizer"
    tokenizer = CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77
    )
    return {
        "tokenizer": tokenizer,
        "text_encoder": CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                max_position_embeddings=77,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
                initializer_factor=4.0,
            )
        ),
        "unet": UNet2DConditionModel(
            sample_size=HEIGHT, up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), **UNET
        ),
        "vae": AutoencoderKL(
            block_out_channels=(8, 8, 8, 8),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
            norm_num_groups=4,
            sample_size=HEIGHT * 8,
        ),
        "scheduler": DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
        "safety_checker": None,
        "feature_extractor": None,
        "requires_safety_checker": False,
    }


def tiny_net(seed: int) -> ControlNetModel:
    """Make a ControlNet that is not silent, as untrained ones are."""
    torch.manual_seed(seed)
    net = ControlNetModel(**UNET, conditioning_embedding_out_channels=(4, 4, 8, 8))
    silent = [*net.controlnet_down_blocks, net.controlnet_mid_block]
    with torch.no_grad():
        for layer in silent:
            torch.nn.init.normal_(layer.weight, std=0.15)
        torch.nn.init.normal_(net.controlnet_cond_embedding.conv_out.weight, std=1.0)
    return net.eval()


def picture(number: int) -> Image.Image:
    """Return a map to follow, of another size and shape than the image."""
    image = Image.new("RGB", (150, 90), (20 * number, 0, 60))
    draw = ImageDraw.Draw(image)
    draw.ellipse((15, 20, 70, 75), fill=(255, 230, 40 + 100 * number))
    draw.rectangle((90, 5 + 30 * number, 140, 50 + 30 * number), fill=(0, 160, 255))
    return image


CASES: dict[str, dict[str, Any]] = {
    "plain": {"nets": []},
    "one": {"nets": [["edges", 0, 1.0, 0.0, 1.0]]},
    "two": {"nets": [["edges", 0, 0.8, 0.0, 1.0], ["depth", 1, 1.5, 0.0, 1.0]]},
    "windows": {"nets": [["edges", 0, 1.0, 0.0, 0.5], ["depth", 1, 1.2, 0.3, 1.0]]},
    "at the end": {"nets": [["depth", 1, 1.0, 0.5, 1.0]]},
}
PROMPT, NEGATIVE, STEPS, GUIDANCE = "a lighthouse by the sea at night", "a blurry house", 6, 5.0


def drawn(parts: dict[str, Any], nets: dict[str, ControlNetModel], case: Any) -> np.ndarray:
    """Draw one case from the noise of `numpy.random.RandomState(3)`, float16 as sdq draws it; return its pixels."""
    noise = np.random.RandomState(3).randn(1, 4, HEIGHT, WIDTH).astype(np.float16)
    uses = case["nets"]
    more: dict[str, Any] = {}
    if uses:
        pipe: Any = StableDiffusionControlNetPipeline(
            **parts, controlnet=[nets[name] for name, *_ in uses]
        )
        _, numbers, scales, starts, ends = (list(values) for values in zip(*uses, strict=True))
        more = {
            "image": [picture(number) for number in numbers],
            "controlnet_conditioning_scale": scales,
            "control_guidance_start": starts,
            "control_guidance_end": ends,
        }
    else:
        pipe = StableDiffusionPipeline(**parts)
    pipe.set_progress_bar_config(disable=True)
    latents = pipe(
        PROMPT,
        negative_prompt=NEGATIVE,
        height=HEIGHT * 8,
        width=WIDTH * 8,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        latents=torch.from_numpy(noise.astype(np.float32)),
        output_type="latent",
        **more,
    ).images
    with torch.no_grad():
        image = parts["vae"].decode(latents / 0.18215, return_dict=False)[0]
    pixels = (image / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)[0].numpy()
    return (pixels * 255).round().astype(np.uint8)


def convert(pipe: StableDiffusionPipeline, nets: dict[str, ControlNetModel], folder: Path) -> None:
    """Convert the networks as Apple's command line does."""
    torch2coreml.get_pipeline = lambda _args: pipe
    torch2coreml._get_controlnet_base_model = lambda _name: None
    torch2coreml.ControlNetModel = types.SimpleNamespace(
        from_pretrained=lambda name, **_: nets[name.rpartition("/")[2]]
    )
    torch2coreml.main(
        torch2coreml.parser_spec().parse_args(
            [
                "--convert-text-encoder",
                "--convert-unet",
                "--convert-vae-decoder",
                "--unet-support-controlnet",
                "--convert-controlnet",
                *(f"sdq/{name}" for name in nets),
                "--model-version",
                "runwayml/stable-diffusion-v1-5",
                "--attention-implementation",
                "ORIGINAL",
                "--latent-h",
                str(HEIGHT),
                "--latent-w",
                str(WIDTH),
                "-o",
                str(folder),
            ]
        )
    )


def main() -> None:
    """Record everything anew."""
    parts = tiny_networks()
    nets = {name: tiny_net(seed) for seed, name in enumerate(NETS, start=1)}
    found = {name: drawn(parts, nets, case) for name, case in CASES.items()}
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir()
    pipe = StableDiffusionPipeline(**parts)
    with tempfile.TemporaryDirectory() as name:
        pipe.save_pretrained(Path(name) / "pipe")
        convert(pipe, nets, Path(name) / "out")
        for package in (Path(name) / "out").glob("*.mlpackage"):
            short = package.name.replace("runwayml_stable-diffusion-v1-5", "tiny")
            shutil.copytree(package, TARGET / short)
        (TARGET / "scheduler").mkdir()
        config = Path(name) / "pipe" / "scheduler" / "scheduler_config.json"
        shutil.copy(config, TARGET / "scheduler")
    for number in range(len(NETS)):
        picture(number).save(TARGET / f"map-{number}.png")
    cases = json.dumps(
        {
            "prompt": PROMPT,
            "negative_prompt": NEGATIVE,
            "steps": STEPS,
            "guidance_scale": GUIDANCE,
            "cases": CASES,
        }
    )
    np.savez_compressed(TARGET / "drawn.npz", cases=np.array(cases), **found)


if __name__ == "__main__":
    main()
